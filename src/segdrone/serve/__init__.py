"""Serve models over HTTP: `segdrone predict` for one photograph at a time."""
