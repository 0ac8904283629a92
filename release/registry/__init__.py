"""Client for one registry host: repositories, uploads, downloads, throttling."""
