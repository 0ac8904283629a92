"""Plans: the ordered steps of a release, promotion or rollback as data, made by pure functions."""
