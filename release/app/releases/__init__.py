"""Use cases of releases: preview, run, promote, rollback, deployed, tags, version and metadata."""
