"""Numbers in headers of unknown origin."""

from __future__ import annotations

import math
from typing import Any


def finite_number(value: Any) -> float | None:
    """Returns a finite number; None for anything else, such as the fraction 0/0.

    Example:
        >>> finite_number("20.5"), finite_number("nan"), finite_number(None)
        (20.5, None, None)
    """
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None
