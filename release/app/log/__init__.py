"""Use cases of the version log: questions, checks and maintenance; and how logs are opened."""
