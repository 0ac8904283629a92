"""A version log in a git ref: one commit for each append, and segments for readers without a copy."""
