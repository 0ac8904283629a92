"""A version log in a table of SQLite or PostgreSQL."""
