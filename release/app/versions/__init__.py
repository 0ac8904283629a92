"""What version this commit has, and which comes next: `version`."""
