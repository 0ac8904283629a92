"""Answers to questions about a version log: of which projects, and what runs where."""
