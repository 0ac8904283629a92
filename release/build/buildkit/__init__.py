"""The builder `buildkit`: builds with BuildKit, through the programs `buildx` and `buildctl`."""
