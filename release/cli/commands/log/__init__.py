"""`shipmark log`: questions to the version log, and its maintenance."""
