"""Split a dataset into train, val and test."""
