"""The version log as one HTML page."""
