"""Obtains the image of a release: prepares builds, opens the images of `--from`, gives checks the image to look at."""
