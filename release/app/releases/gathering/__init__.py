"""Gathers what a release is planned from: what targets, the version log and the registries have."""
