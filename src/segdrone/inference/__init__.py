"""A finished model at work: photographs in, masks and objects out."""
