"""Reads and writes files without following symlinks in the workspace, and manages shipmark's cache folder."""
