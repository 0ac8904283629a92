"""In-toto statements about releases. Pure."""
