"""Use cases of the version log: questions, checks and maintenance; and the opening of log stores."""
