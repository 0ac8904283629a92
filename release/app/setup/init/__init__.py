"""`init`: writes a starting config and CI files, and converts workflows with docker/metadata-action."""
