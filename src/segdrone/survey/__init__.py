"""Look at a dataset before training on it."""

from segdrone.survey.check import check_dataset
from segdrone.survey.contact_sheet import contact_sheet
from segdrone.survey.report import Report, print_report
from segdrone.survey.stats import Stats, dataset_stats
from segdrone.survey.stats_report import print_stats, save_stats, writing

__all__ = [
    "Report",
    "Stats",
    "check_dataset",
    "contact_sheet",
    "dataset_stats",
    "print_report",
    "print_stats",
    "save_stats",
    "writing",
]
