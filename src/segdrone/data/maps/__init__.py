"""Cut maps and their labels into a dataset of tiles. Needs the extra `geo`."""
