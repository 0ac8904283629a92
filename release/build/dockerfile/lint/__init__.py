"""Checks Dockerfiles by rules of shipmark's own. Pure: text in, findings out."""
