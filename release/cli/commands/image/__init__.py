"""The subcommands of `shipmark image`: for registries and layouts, some also for archives, folders and daemons."""
