"""shipmark: names, builds, pushes and records container images."""

__version__ = "0.1.0"
