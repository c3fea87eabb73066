"""Take corrections of masks from labeling tools into a dataset, and compare the people who made them."""

from segdrone.annotations.corrections.apply import CorrectionSummary, import_corrections
from segdrone.annotations.corrections.compare import AgreementSummary, compare_annotators
from segdrone.annotations.corrections.options import CorrectionOptions
from segdrone.annotations.corrections.summary import print_agreement, print_corrections

__all__ = [
    "AgreementSummary",
    "CorrectionOptions",
    "CorrectionSummary",
    "compare_annotators",
    "import_corrections",
    "print_agreement",
    "print_corrections",
]
