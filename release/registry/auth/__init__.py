"""Registry authentication: challenges, bearer tokens, and where credentials come from."""
