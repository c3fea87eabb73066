"""Export a finished model to files that run without torch, and compare each with its checkpoint."""
