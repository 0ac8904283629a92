"""Everything that is printed: text, JSON documents, progress, and CI outputs."""
