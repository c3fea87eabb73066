"""Inspect a dataset before training on it: check, statistics, contact sheet."""
