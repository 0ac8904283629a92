"""Preview, run, promote and rollback: gathers what is known, decides, plans, and executes."""
