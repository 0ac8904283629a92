"""The builder `layers`: images from files alone, without a daemon and without `RUN`."""
