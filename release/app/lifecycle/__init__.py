"""What becomes of released images: `promote`, `deployed`, `rollback`, `restore`."""
