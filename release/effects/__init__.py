"""The handlers of plans' steps: one class for each step kind."""
