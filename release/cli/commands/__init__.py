"""One file per command: it parses, calls `release.app`, and prints."""
