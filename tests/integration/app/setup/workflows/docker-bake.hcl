# Filled by docker/metadata-action.
target "docker-metadata-action" {}

target "base" {
  context    = "."
  dockerfile = "docker/Dockerfile.debian"
}

target "release" {
  inherits  = ["base", "docker-metadata-action"]
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    CHANNEL = "stable" // shown by --version
  }
}
