"""The builders `buildah` and `podman`: one driver for both programs, which need no daemon."""
