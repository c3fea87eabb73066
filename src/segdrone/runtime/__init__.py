"""Run a finished model: one call, whatever computes it."""
