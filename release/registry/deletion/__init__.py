"""The ways of deleting from registries: by the distribution specification, or by a vendor's API."""
