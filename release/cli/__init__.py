"""The command line: the only place where everything meets, and the only one that reads the environment or prints."""
