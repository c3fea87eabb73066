"""Run a finished model behind one interface, independent of the library that computes it."""
