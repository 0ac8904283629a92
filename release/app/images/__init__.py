"""Use cases for images in registries, layouts, archives, folders and daemons."""
