"""Import annotations of labeling tools as a dataset to train on."""

from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.importer import import_annotations
from segdrone.annotations.summary import ImportSummary, print_summary

__all__ = ["ANNOTATION_FORMATS", "ImportSummary", "import_annotations", "print_summary"]
