"""Copies, lists and deletes images across repositories."""
