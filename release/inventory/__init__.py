"""Reads what repositories hold and what is in use, for `shipmark prune`."""
