"""Give an encoder its pretrained weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from segdrone.errors import CheckpointError

log = logging.getLogger(__name__)

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
    if source == "imagenet":
        log.info("encoder %s: fetching its imagenet weights, or taking those of an earlier time", name)
    state = _from_hub(name) if source == "imagenet" else _from_file(Path(source))
    wanted = encoder.state_dict()
    needed = [key for key in wanted if not key.endswith("num_batches_tracked")]  # older files lack this counter
    named = {_name_in(wanted, key): tensor for key, tensor in state.items()}
    fitting = {key: named[key] for key, tensor in wanted.items() if key in named and named[key].shape == tensor.shape}
    if not all(key in fitting for key in needed):
        raise CheckpointError(
            f"{source} does not fit the encoder {name}: it names {sum(key in wanted for key in named)} of its "
            f"{len(wanted)} tensors, or in other shapes; give weights of that encoder, or model.encoder_weights=null "
            "to start from random ones"
        )
    encoder.load_state_dict({**wanted, **fitting})
    return f"encoder {name}: {len(fitting)} of {len(wanted)} tensors loaded from {source}"


def _name_in(wanted: State, key: str) -> str:
    """The encoder's name for a tensor of a file.

    smp wraps a timm model (tu-...) as `encoder.model`, and timm may make stages of a sequence into
    members of their own: `stages.0` is then `stages_0`.
    """
    return next((name for name in (key, f"model.{key}", f"model.{key.replace('.', '_', 1)}") if name in wanted), key)


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


def _from_hub(name: str) -> State:
    try:
        with _quiet("huggingface_hub"), _quiet("httpx"), _quiet("timm"):
            if name.startswith("tu-"):
                whole: nn.Module = timm.create_model(name.removeprefix("tu-"), pretrained=True)
                return whole.state_dict()
            fetched: nn.Module = smp.encoders.get_encoder(name, weights="imagenet")
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
