"""The features that a Dockerfile needs and a builder may lack. Pure."""
