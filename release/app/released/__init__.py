"""What happens to images that are released: `promote`, `rollback`, `deployed`."""
