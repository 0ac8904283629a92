"""The use cases of shipmark: each takes a typed request and returns a typed report, and prints nothing."""
