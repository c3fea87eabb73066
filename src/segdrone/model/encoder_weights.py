"""Load pretrained weights into an encoder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from segdrone.errors import CheckpointError
from segdrone.model.fetch_weights import fetch_weights
from segdrone.model.weights_file import load_plain
from segdrone.utils.bounded import UnreadableError, wrap_parse_errors

log = logging.getLogger(__name__)

State = Mapping[str, Tensor]

_FETCHED = {"encoder": "imagenet", "context": "pretrained"}
"""Word for the weights of the cache or the hub, by what they are of."""

_NAMES = {"encoder": "model.encoder_name", "context": "model.context"}


def load_encoder_weights(encoder: nn.Module, name: str, source: str, part: str = "encoder") -> str:
    """Loads pretrained weights into an encoder of smp, or into the ViT of a context.

    Args:
        encoder: The encoder of a network.
        name: Name of the encoder in smp.
        source: `imagenet`, as `fetch_weights` gets them, or the path of a state dict (`.safetensors`, or
            `.pth` / `.pt` / `.bin`, read without running code).
        part: `encoder`, or `context`, whose source is `pretrained` instead of `imagenet`.

    Returns:
        A line that says how many tensors were loaded from where.

    Raises:
        CheckpointError: The weights cannot be downloaded or read, or do not fit the encoder.
    """
    fetched = _FETCHED[part]
    if source == fetched:
        log.info("%s %s: downloading its %s weights, or reading them from the cache", part, name, fetched)
    state = _from_file(fetch_weights(name, part) if source == fetched else Path(source), part)
    expected = encoder.state_dict()
    required = [key for key in expected if not key.endswith("num_batches_tracked")]  # older files lack this counter
    renamed = {_encoder_key(expected, key): tensor for key, tensor in state.items()}
    fitting = {
        key: renamed[key]
        for key, value in expected.items()
        if key in renamed
        and renamed[key].shape == value.shape
        and renamed[key].is_floating_point() == value.is_floating_point()
    }
    if not all(key in fitting for key in required):
        raise CheckpointError(
            f"{source} does not fit the {part} {name}: it has {sum(key in expected for key in renamed)} of its "
            f"{len(expected)} tensors, or other shapes or types: give weights of this {part}, the "
            f"{part} that they are of ({_NAMES[part]}), or model.{part}_weights=null to start from random ones"
        )
    encoder.load_state_dict({**expected, **fitting})
    return f"{part} {name}: {len(fitting)} of {len(expected)} tensors loaded from {source}"


def _encoder_key(expected: State, key: str) -> str:
    """Returns the encoder's key for a tensor of a file.

    smp wraps a timm model (tu-...) as `encoder.model`, and timm may turn the stages of a sequence into attributes:
    `stages.0` is then `stages_0`.
    """
    return next((name for name in (key, f"model.{key}", f"model.{key.replace('.', '_', 1)}") if name in expected), key)


def _from_file(path: Path, part: str) -> State:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise CheckpointError(
            f"model.{part}_weights={path} {what}: give {_FETCHED[part]}, null, or a .safetensors or .pth file"
        )
    try:
        state = _load_safetensors(path) if path.suffix == ".safetensors" else load_plain(path)
    except UnreadableError as error:
        raise CheckpointError(
            f"{path} is not a state dict that can be read without running code ({error}): save it as .safetensors"
        ) from None
    if not (isinstance(state, dict) and all(isinstance(tensor, Tensor) for tensor in state.values())):
        raise CheckpointError(f"{path} is not a plain dict of tensors: save only the {part}'s state_dict()")
    return {str(key): tensor for key, tensor in state.items()}


def _load_safetensors(path: Path) -> State:
    with wrap_parse_errors():
        return load_file(path)
