"""`shipmark image`: registries and OCI layouts, without a daemon."""
