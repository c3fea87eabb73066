"""Turn whatever decoders raise on damaged or hostile files into errors that a user can fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from segdrone.errors import DataError, SegdroneError


class TooLargeError(DataError):
    """An image of more pixels than are read."""


@contextmanager
def decode_errors(path: Path) -> Iterator[None]:
    """Turns every error of the body, which only decodes `path`, into a DataError of one line.

    Pillow and NumPy raise errors of any type on values that no program writes: TypeError, OverflowError, KeyError.
    """
    try:
        yield
    except SegdroneError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: restore it, or remove its name from the list") from None
    except (Image.DecompressionBombError, MemoryError) as error:
        reason = str(error) or "not enough memory"
        raise TooLargeError(f"{path} is too large to be read ({reason}): cut it into parts or reduce it") from None
    except Exception as error:
        system = error.strerror if isinstance(error, OSError) else None
        reason = " ".join(str(system or error or type(error).__name__).split())
        raise DataError(f"{path} cannot be decoded ({reason}): copy it again or remove it") from error
