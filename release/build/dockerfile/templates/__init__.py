"""Templates for new Dockerfiles, each with the `.dockerignore` that fits it."""
