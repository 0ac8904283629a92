"""The commands, one file for each: they parse options, call use cases of `release.app`, and print reports."""
