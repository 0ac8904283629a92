"""Formats and prints text, JSON documents and progress, and writes CI outputs."""
