"""Scores of a finished model, and the report of them."""

from segdrone.evaluation.evaluate import score_split
from segdrone.evaluation.record import describe_run
from segdrone.evaluation.run import check_pictures, evaluate, inference_options

__all__ = ["check_pictures", "describe_run", "evaluate", "inference_options", "score_split"]
