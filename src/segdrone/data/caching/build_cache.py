"""Choose and build the cache of decoded pixels that a config asks for."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from segdrone.data.caching.cache import Cache, MemoryCache, NoCache
from segdrone.data.caching.disk_cache import DiskCache
from segdrone.data.config import DataConfig
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import Sample
from segdrone.errors import DataError
from segdrone.utils.cache_folder import cache_folder

log = logging.getLogger(__name__)


def build_cache(
    config: DataConfig, samples: Sequence[Sample], reader: CachedReader, *, shared: bool, copies: int
) -> Cache:
    """Returns the cache that `config.cache` asks for, with room for all samples.

    `auto` is a cache on disk if a photograph is larger than what training uses of it.

    Args:
        config: Which cache, and where.
        samples: All samples that are read through it.
        reader: Reads them.
        shared: Whether worker processes read from it.
        copies: Processes on this machine that each build one.

    Raises:
        DataError: Memory or disk are too small, or the folder cannot be written; with `auto` there is no cache then.
    """
    kind = config.cache
    if kind == "auto":
        cut = {"tiles": config.tile_size, "crops": config.crop_size}.get(config.sampling)
        larger = (math.prod(sample.pair.size) > math.prod(cut or sample.size) for sample in samples)
        kind = "disk" if any(larger) else "none"
    if kind == "none":
        return NoCache()
    keys = [key for sample in samples for key in reader.keys(sample.pair, sample.size)]
    if kind == "memory":
        return MemoryCache(keys, shared=shared, copies=copies)
    try:
        cache = DiskCache(Path(config.cache_dir) if config.cache_dir else cache_folder())
        cache.reserve(keys)
    except DataError as error:
        if config.cache != "auto":
            raise
        log.warning("there is no cache, and each epoch decodes all files again: %s", error)
        return NoCache()
    return cache
