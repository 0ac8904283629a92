"""Use cases of a release: preview, run, build, tags and metadata, and what they share."""
