"""Plumbing without domain knowledge: atomic files, launch and ranks, warnings, memory."""
