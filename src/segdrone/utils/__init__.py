"""Utilities without domain knowledge: atomic files, launchers and ranks, configs, warnings, memory."""
