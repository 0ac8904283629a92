"""Use cases for images wherever they are: registries, layouts, archives, folders and daemons."""
