"""Other programs: starting them, the pipes to them, and what they say."""
