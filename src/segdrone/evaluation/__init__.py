"""Scores of a finished model, and the report of them."""

from segdrone.evaluation.provenance import describe_run
from segdrone.evaluation.run import check_pictures, evaluate, inference_options
from segdrone.evaluation.score_split import score_split

__all__ = ["check_pictures", "describe_run", "evaluate", "inference_options", "score_split"]
