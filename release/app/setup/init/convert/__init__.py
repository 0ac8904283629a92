"""Converts workflows with docker/metadata-action and docker/build-push-action. Pure."""
