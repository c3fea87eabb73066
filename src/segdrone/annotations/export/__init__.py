"""Write masks as annotations of labeling tools."""

from segdrone.annotations.export.exporter import LabelSummary, export_labels
from segdrone.annotations.export.formats import LABEL_FORMATS

__all__ = ["LABEL_FORMATS", "LabelSummary", "export_labels"]
