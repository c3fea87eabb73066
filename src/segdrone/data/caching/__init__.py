"""Keep decoded pixels in memory or on disk."""
