"""Log entries for releases whose own entries were lost, made from what registries and git show. Pure."""
