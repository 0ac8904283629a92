"""OCI image layout folders."""
