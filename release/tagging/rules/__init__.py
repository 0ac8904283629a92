"""The rules that choose image tags: docker/metadata-action's language, and what it has no word for."""
