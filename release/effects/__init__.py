"""One handler per step kind: the only code that knows what a kind does."""
