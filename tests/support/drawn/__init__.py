"""Random projects whose images several builders must make alike; equal seeds give equal projects."""
