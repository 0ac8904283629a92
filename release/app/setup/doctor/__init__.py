"""`doctor`: checks of a repository, its CI files, its registries and this machine, each with the fix."""
