"""Images named with a transport: `oci:`, `oci-archive:`, `docker-archive:`, `docker-daemon:`, `dir:`."""
