"""Reads and writes files without following symlinks that others made; and our cache folder."""
