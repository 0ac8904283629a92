"""Client for image registries: repositories, uploads, downloads, throttling."""
