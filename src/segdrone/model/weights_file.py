"""Load files of weights as plain data and dense tensors, within the size of the file; save them whole or not at all."""

from __future__ import annotations

import io
import pickle
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segdrone.errors import CheckpointError
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError, to_plain, wrap_parse_errors

_MAX_PICKLE = 8 << 20  # bytes: all of a checkpoint but its tensors, with the names of 100,000 photographs
_SPARE_NUMBERS = 1 << 27  # of a network while it is built: VGG has a classifier of 124 million, which smp then drops
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)


def load_plain(path: Path) -> Any:
    """Loads a file of `torch.save` on CPU: plain data and dense tensors, which nothing in it can exceed.

    `torch.load(weights_only=True)` runs no code, but an archive may be compressed a thousandfold, a pickle may hold a
    list of ten lists of ten lists, and a tensor may be sparse, on no device, or larger than its file.

    Args:
        path: A regular file.

    Raises:
        UnreadableError: The file is broken, or holds anything else.
    """
    with wrap_parse_errors():
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("it is not a regular file")
        if zipfile.is_zipfile(path):
            _check_archive(path, status.st_size)
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError:
            raise UnreadableError(
                "it holds more than weights and plain data, and is not opened, because it could run code"
            ) from None
        storages: dict[int, int] = {}
        plain = to_plain(content, finite=False, is_leaf=lambda value: _is_dense(value, storages))
        if sum(storages.values()) > status.st_size:
            raise UnreadableError("its tensors are larger than the file")
        return plain


def save_plain(content: Any, path: Path) -> None:
    """Saves plain data and tensors by `torch.save`, to a temporary file that is then renamed.

    Args:
        content: What `load_plain` is to return.
        path: The file; its folder is created if needed.

    Raises:
        OSError: The file could not be written; no partial file is left.
    """
    with atomic_write(path) as partial, _SavedFile(io.FileIO(partial, "w")) as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch hides the error of the file behind one of its own
            raise file.error or OSError(str(error).partition("\n")[0]) from None


class _SavedFile(io.BufferedWriter):
    """A file that keeps the error of a write."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def _check_archive(path: Path, size: int) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(e.file_size for e in entries) > size:
        raise UnreadableError("its archive is compressed")
    if any(entry.file_size > _MAX_PICKLE for entry in entries if entry.filename.endswith(".pkl")):
        raise UnreadableError("it holds too many settings")


def _is_dense(value: Any, storages: dict[int, int]) -> bool:
    """Whether a value is a tensor; notes the bytes of its storage by their address.

    Raises:
        UnreadableError: The tensor has not all its numbers in memory.
    """
    if type(value) not in (Tensor, nn.Parameter):
        return False
    if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized or value.is_nested:
        raise UnreadableError("it holds a tensor that is not dense")
    storage = value.untyped_storage()
    steps = sum((n - 1) * step for n, step in zip(value.shape, value.stride(), strict=True))
    numbers = max(value.numel(), value.storage_offset() + steps + 1) if value.numel() else 0
    if numbers * value.itemsize > storage.nbytes():
        raise UnreadableError("it holds a tensor that is larger than its data")
    storages[storage.data_ptr()] = storage.nbytes()
    return True


@contextmanager
def limit_weights(weights: Iterable[Tensor]) -> Iterator[None]:
    """Refuses to build a network that is more than twice as large as these weights, before it takes memory.

    Raises:
        CheckpointError: The network is larger.
    """
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in weights}
    with _LimitedTensors(2 * sum(storage.nbytes() // 4 for storage in storages.values()) + _SPARE_NUMBERS):
        yield


class _LimitedTensors(TorchFunctionMode):
    """Counts the numbers of tensors that are created, and refuses one before it would exceed what is left."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self._left = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Calls a function of torch."""
        options = kwargs or {}
        if func in _FACTORIES:
            self._left -= func(*args, **{**options, "device": "meta"}).numel()
            if self._left < 0:
                raise CheckpointError("its weights are of a smaller network")
        return func(*args, **options)
