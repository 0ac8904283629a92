"""The subcommands of `shipmark image`, for registries and OCI layouts."""
