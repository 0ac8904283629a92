"""Opening version logs."""
