"""Where log entries are kept: a JSON Lines file, a git ref, a SQL database."""
