"""Secrets: their names, their places in text, and those of this run."""
