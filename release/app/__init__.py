"""The use cases: typed requests in, typed reports out. No arguments are parsed here, and nothing is printed."""
