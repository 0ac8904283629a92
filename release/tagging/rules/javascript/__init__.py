"""What tag rules take from JavaScript: regular expressions, numbers and the order of text. Pure."""
