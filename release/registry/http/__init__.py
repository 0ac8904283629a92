"""HTTP to registries: connections, TLS, retries, redirects."""
