"""Parses Dockerfiles into values with positions. Pure."""
