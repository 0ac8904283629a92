"""Sources of `in_use:`: files, commands, clusters and task definitions that say which images are in use."""
