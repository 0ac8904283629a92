"""What a command asks of a version log, answered from an index of older entries and the entries behind it."""
