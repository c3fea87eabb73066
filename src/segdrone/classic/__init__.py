"""Segment photographs without a network: classical segments, and classifiers of pixels and segments."""

SUFFIX = ".npz"
"""Suffix of the file of a classical model."""
