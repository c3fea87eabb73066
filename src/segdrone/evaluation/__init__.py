"""Scores of a finished model, and the report of them."""

from segdrone.evaluation.evaluate import score_split
from segdrone.evaluation.run import evaluate

__all__ = ["evaluate", "score_split"]
