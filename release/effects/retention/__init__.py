"""The handlers of `prune` and `prune undo`: they save, delete, read back and restore manifests and tags."""
