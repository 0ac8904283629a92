"""Adapters of GitHub's actions: inputs become a command line and an overlay of the configuration.

`inputs.py` reads and checks the inputs, `settings.py` makes the overlay, `command_line.py` the arguments. `metadata.py`
does the same for the drop-in of docker/metadata-action. `unpack.py` is a script that the actions run before anything is
installed.
"""
