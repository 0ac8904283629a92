"""A version log in a JSON Lines file: durable appends, positions, torn tails."""
