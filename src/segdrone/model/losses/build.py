"""Build a loss by name, or a weighted sum of several.

All losses take logits and masks and skip the ignored id. They share one log-softmax per batch and count its labeled
pixels only. `smp.losses` has most of them too, but takes 2 to 18 times as long on CPU (3 x 23 x 704 x 1056), accepts
labels that the class table does not know, and divides by classes that are absent from the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from segdrone.errors import ConfigError, format_options
from segdrone.model.losses.boundary import BoundaryLoss
from segdrone.model.losses.inputs import LossInputs
from segdrone.model.losses.pixel import CrossEntropyLoss, FocalLoss
from segdrone.model.losses.region import LovaszLoss, TverskyLoss

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "ce": CrossEntropyLoss,
    "dice": partial(TverskyLoss, alpha=0.5, beta=0.5),
    "jaccard": partial(TverskyLoss, alpha=1.0, beta=1.0),
    "tversky": TverskyLoss,
    "focal": FocalLoss,
    "lovasz": LovaszLoss,
    "boundary": BoundaryLoss,
}


class WeightedSum(nn.Module):
    """Weighted sum of losses of one batch, in float32 even under autocast.

    Args:
        terms: Losses, each a module that takes `LossInputs`.
        weights: One weight per term.
        ignore_index: Id of ignored pixels.
    """

    def __init__(self, terms: Sequence[nn.Module], weights: Sequence[float], ignore_index: int) -> None:
        super().__init__()
        self.terms, self.weights, self.ignore_index = nn.ModuleList(terms), tuple(weights), ignore_index

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Returns the scalar loss of float logits `[B, C, H, W]` for an int64 mask `[B, H, W]`.

        Raises:
            DataError: The mask contains a label that is neither a class nor the ignored id (see
                `LossInputs.from_logits`).
        """
        with torch.autocast(logits.device.type, enabled=False):
            inputs = LossInputs.from_logits(logits, mask, self.ignore_index)
            return torch.stack(
                [weight * term(inputs) for weight, term in zip(self.weights, self.terms, strict=True)]
            ).sum()


def build_loss(name: str, *, ignore_index: int, **options: Any) -> WeightedSum:
    """Builds one of `LOSSES`, or a weighted sum of several with the name `sum`.

    Args:
        name: Name of the loss.
        ignore_index: Id of ignored pixels.
        **options: Arguments of the loss. `sum` takes `terms`: a mapping from the name of each loss to its `weight`
            (default 1) and its own arguments.

    Raises:
        ConfigError: A name or an option is unknown or out of range.

    Example:
        >>> loss = build_loss("sum", ignore_index=255, terms={"ce": {"weight": 1.0}, "dice": {"weight": 0.5}})
        >>> logits, mask = torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]])
        >>> round(loss(logits, mask).item(), 4)  # log(2) + 0.5 * 0.5
        0.9431
    """
    if name != "sum":
        return WeightedSum([_build(name, f"loss.name={name}", options)], [1.0], ignore_index)
    terms = options.pop("terms", None)
    if options or not isinstance(terms, Mapping) or not terms:
        raise ConfigError(f"loss sum takes only terms, one or more (NAME: {{weight: 1.0}}), not {options or terms}")
    built, weights = [], []
    for term, settings in terms.items():
        key = f"loss.terms.{term}"
        if not isinstance(settings, Mapping):
            raise ConfigError(f"{key}={settings} must be the settings of the loss, such as {{weight: 1.0}}")
        weight = settings.get("weight", 1.0)
        if not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise ConfigError(f"{key}.weight={weight} must be a number above 0")
        built.append(_build(term, key, {key: value for key, value in settings.items() if key != "weight"}))
        weights.append(float(weight))
    return WeightedSum(built, weights, ignore_index)


def _build(name: str, key: str, options: Mapping[str, Any]) -> nn.Module:
    if name not in LOSSES:
        raise ConfigError(f"{key} is unknown: choose one of {', '.join(LOSSES)}, sum")
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise ConfigError(f"{key} does not accept {format_options(options)} ({error}): fix its options") from None
