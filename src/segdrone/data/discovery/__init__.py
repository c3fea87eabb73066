"""Find the files of a dataset: photographs, masks and class tables, however their folders are laid out."""
