"""Give an encoder its pretrained weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from segdrone.errors import CheckpointError

State = Mapping[str, Tensor]


def load_encoder_weights(encoder: nn.Module, name: str, source: str) -> str:
    """Loads pretrained weights into an encoder of smp.

    Args:
        encoder: The network's encoder.
        name: Its name in smp.
        source: `imagenet`, fetched from the hub that smp uses, or the path of a state dict
            (`.safetensors`, or `.pth` / `.pt` / `.bin`, read without running code).

    Returns:
        A line that says how many tensors were loaded from where.

    Raises:
        CheckpointError: The weights cannot be fetched or read, or do not fit the encoder.
    """
    state = _from_hub(name, encoder) if source == "imagenet" else _from_file(Path(source))
    wanted = encoder.state_dict()
    needed = [key for key in wanted if not key.endswith("num_batches_tracked")]  # older files lack this counter
    # smp wraps a timm model (tu-...) as `encoder.model`; timm's own files lack that prefix.
    for prefix in ("", "model."):
        given = {prefix + key: tensor for key, tensor in state.items()}
        fitting = {
            key: given[key] for key, tensor in wanted.items() if key in given and given[key].shape == tensor.shape
        }
        if all(key in fitting for key in needed):
            encoder.load_state_dict({**wanted, **fitting})
            return f"encoder {name}: {len(fitting)} of {len(wanted)} tensors loaded from {source}"
    best = max(sum(prefix + key in wanted for key in state) for prefix in ("", "model."))
    raise CheckpointError(
        f"{source} does not fit the encoder {name}: it names {best} of its {len(wanted)} tensors, or in other "
        "shapes; give weights of that encoder, or model.encoder_weights=null to start from random ones"
    )


def _from_file(path: Path) -> State:
    if not path.is_file():
        raise CheckpointError(
            f"model.encoder_weights={path} does not exist: give imagenet, null, or a .safetensors or .pth file"
        )
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # a broken file can fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"{path} is no state dict that can be read without running code ({reason}): save it as .safetensors"
        ) from None
    if not (isinstance(state, dict) and all(isinstance(tensor, Tensor) for tensor in state.values())):
        raise CheckpointError(f"{path} holds no plain dict of tensors: save the encoder's state_dict() alone")
    return state


def _from_hub(name: str, encoder: nn.Module) -> State:
    try:
        with _quiet("huggingface_hub"), _quiet("httpx"), _quiet("timm"):
            # timm's models name their weights themselves, and smp wants `True` for them.
            source = True if name.startswith("tu-") else "imagenet"
            fetched: nn.Module = smp.encoders.get_encoder(name, depth=_depth(encoder), weights=source)
            return fetched.state_dict()
    except KeyError:
        raise CheckpointError(
            f"there are no imagenet weights for the encoder {name}: give model.encoder_weights=null or a file"
        ) from None
    except (OSError, RuntimeError) as error:  # the hub's errors, offline ones among them, are OSErrors
        raise CheckpointError(
            f"the imagenet weights of {name} could not be fetched ({type(error).__name__}): go online once, or give "
            "model.encoder_weights=FILE.safetensors, or model.encoder_weights=null to start from random ones"
        ) from None


def _depth(encoder: nn.Module) -> int:
    return len(encoder.out_channels) - 1  # type: ignore[arg-type]  # smp's encoders list the input too


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Holds back the hub's retry messages: the one line at the end says it all."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
