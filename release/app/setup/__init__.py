"""Use cases for setting up a repository: writing and checking Dockerfiles."""
