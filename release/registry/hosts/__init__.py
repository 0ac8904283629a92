"""One registry host: its address, the requests to it, its credentials and its limits."""
