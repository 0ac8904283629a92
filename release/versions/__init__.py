"""Versions: SemVer, calendar versions, and the git tags that name them. Pure."""
