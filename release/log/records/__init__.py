"""The records of the version log: their types, and reading their members."""
