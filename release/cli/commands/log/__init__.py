"""The subcommands of `shipmark log`: questions to the version log, and its maintenance."""
