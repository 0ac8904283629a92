"""`shipmark prune`, `prune explain` and `prune undo`."""
