"""The use cases of retention: `prune`, `prune explain` and `prune undo`."""
