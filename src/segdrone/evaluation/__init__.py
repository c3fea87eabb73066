"""Score finished models, report the scores, and compare them."""

from segdrone.evaluation.options import check_pictures, inference_options, object_classes
from segdrone.evaluation.provenance import describe_run
from segdrone.evaluation.run import evaluate
from segdrone.evaluation.score_split import score_split
from segdrone.evaluation.scored_model import scored_module

__all__ = [
    "check_pictures",
    "describe_run",
    "evaluate",
    "inference_options",
    "object_classes",
    "score_split",
    "scored_module",
]
