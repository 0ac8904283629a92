"""The subcommands of `shipmark dockerfile`: new Dockerfiles from templates, and checks."""
