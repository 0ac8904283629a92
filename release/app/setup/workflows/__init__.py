"""Workflows of GitHub Actions as values with positions, for `doctor`, and for `init`, which edits them."""
