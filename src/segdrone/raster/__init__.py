"""Every pixel that comes from or goes to a file."""
