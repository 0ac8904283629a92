"""What a build takes beside its Dockerfile and context: options, secrets, and how their values stay hidden."""
