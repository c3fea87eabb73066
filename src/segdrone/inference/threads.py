"""Run a function on items in threads, a few items ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def submit_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Yields items with the futures of their results, in order.

    Args:
        pool: Runs the function.
        function: Maps an item to its result.
        items: Taken one by one, as results are consumed.
        ahead: Number of items that are submitted beyond the yielded one: it bounds the memory of results.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool:
        ...     [future.result() for _, future in submit_ahead(pool, abs, [-1, 2, -3], ahead=1)]
        [1, 2, 3]
    """
    pending: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        pending.append((item, pool.submit(function, item)))
        if len(pending) > ahead:
            yield pending.popleft()
    yield from pending
