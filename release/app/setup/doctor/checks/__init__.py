"""The checks of `doctor`: pure functions from a `Scene` to answers. `table` lists them."""
