"""Decides which tags and manifests of a repository a prune deletes. Pure: values in, values out."""
