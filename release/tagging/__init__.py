"""Decides the image tags of a commit: the default scheme, tag rules, and the guard of moving tags. Pure."""
