"""Write masks as annotations of labeling tools."""

from segdrone.annotations.export.checks import SMALLEST_TILE
from segdrone.annotations.export.exporter import export_labels
from segdrone.annotations.export.formats import LABEL_FORMATS
from segdrone.annotations.export.summary import LabelSummary

__all__ = ["LABEL_FORMATS", "SMALLEST_TILE", "LabelSummary", "export_labels"]
