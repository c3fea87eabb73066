"""Find and read the class-table files of datasets and labeling tools."""

from segdrone.class_files.find import CLASSES_FILE, find_class_table, is_table_name
from segdrone.class_files.read import load_class_table, read_class_table

__all__ = ["CLASSES_FILE", "find_class_table", "is_table_name", "load_class_table", "read_class_table"]
