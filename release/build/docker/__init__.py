"""The builder `docker`: a Docker daemon builds through its Engine API."""
