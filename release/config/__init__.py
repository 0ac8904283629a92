"""`shipmark.yml`: composed with positions, converted by type, described by the same types."""
