"""Compare predictions with those of the photographs that a model was validated on."""
