"""What a commit's image is called: versions, known releases, the guard, the decision. Pure."""
