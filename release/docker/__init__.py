"""The Docker Engine API, and the archives that `docker save` writes."""
