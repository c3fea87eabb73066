"""Run a finished model behind one interface, whatever library computes it."""
