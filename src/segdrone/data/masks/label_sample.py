"""Look at some masks before a training starts, so that a wrong reading of them is noticed at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.data.masks.label_judgment import SeenLabels, SeenMask, judge_labels, look_at_mask
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_valid
from segdrone.data.masks.mask_remedies import describe_unknown
from segdrone.errors import DataError

log = logging.getLogger(__name__)

_LEAST = 8  # masks that are looked at in any case
_PIXELS = 100_000_000  # that are looked at if the masks are smaller: about a second
_THREADS = 2


def check_labels(
    pairs: Sequence[ImageMaskPair],
    splits: Mapping[str, Sequence[str]],
    encoding: MaskEncoding,
    *,
    others: bool = False,
) -> None:
    """Looks at masks spread over a dataset, and warns of what `judge_labels` finds.

    All masks are looked at if they have 100 megapixels together or hold a single class, else a part of them.

    Args:
        pairs: All photographs with their masks.
        splits: Ids of the photographs in `train`, `val` and `test`.
        encoding: How the masks are read.
        others: Whether masks of another dataset are trained on too, which may have the classes that are absent.

    Raises:
        DataError: Nothing can be learned from these masks, or one of them cannot be read; or as `check_scored`.
    """
    seen = sample_labels(pairs, splits.get("train", ()), encoding)
    for remark in judge_labels(seen, encoding):
        if remark.kind == "error":
            raise DataError(str(remark))
        if not (others and remark.kind == "absent"):
            log.warning("%s", remark)
    check_scored(pairs, splits, encoding, seen.masks)


def check_scored(
    pairs: Sequence[ImageMaskPair],
    splits: Mapping[str, Sequence[str]],
    encoding: MaskEncoding,
    looked_at: Mapping[str, SeenMask] | None = None,
) -> None:
    """Looks at masks of `val` and `test` until each has a labeled pixel.

    Without one, the scores of `val` are NaN, at which `EarlyStopping` ends a training, and `test` cannot be scored.

    Args:
        pairs: All photographs with their masks.
        splits: Ids of the photographs in `val` and `test`.
        encoding: How the masks are read.
        looked_at: What earlier looks at masks found, by the ids of their photographs.

    Raises:
        DataError: A split has photographs and no labeled pixel, or a mask cannot be read.
    """
    seen, by_id = looked_at or {}, {pair.id: pair for pair in pairs}
    for split in ("val", "test"):
        ids = sorted(splits.get(split, ()), key=lambda name: name not in seen)
        masks = (seen[name] if name in seen else _look(by_id[name], encoding) for name in ids)
        if ids and not any(_is_labeled(mask, encoding) for mask in masks):
            raise DataError(
                f"no pixel of the {len(ids)} photographs in {split} is labeled, {ids[0]} first, so there is nothing to "
                "score: label some, or choose others (data.split_seed, data.split_dir)"
            )


def tell_doubts(pairs: Sequence[ImageMaskPair], encoding: MaskEncoding) -> None:
    """Warns of what puts scores by these masks in doubt: what `judge_labels` finds, apart from absent classes."""
    for remark in judge_labels(sample_labels(pairs, (), encoding), encoding):
        if remark.kind != "absent":
            log.warning("%s", remark)


def sample_labels(pairs: Sequence[ImageMaskPair], train: Iterable[str], encoding: MaskEncoding) -> SeenLabels:
    """Looks at masks spread over a dataset, until several classes were found.

    Raises:
        DataError: A mask cannot be read, or holds values that no class has.
    """
    masks = [pair for pair in pairs if pair.mask is not None]
    seen = SeenLabels(len(masks), frozenset(train))
    pixels = sum(pair.size[0] * pair.size[1] for pair in masks)
    first = min(len(masks), max(_LEAST, len(masks) * _PIXELS // max(1, pixels)))
    order = _spread(masks, first)
    with ThreadPoolExecutor(_THREADS) as pool:  # decoders release Python's lock
        found = pool.map(lambda pair: _look(pair, encoding), order[:first])
        seen.masks |= {pair.id: mask for pair, mask in zip(order, found, strict=False)}
    if len(encoding.table) > 1:
        for pair in order[first:]:
            if seen.has_several_classes(encoding):
                break
            seen.masks[pair.id] = _look(pair, encoding)
    return seen


def _look(pair: ImageMaskPair, encoding: MaskEncoding) -> SeenMask:
    assert pair.mask is not None
    mask = look_at_mask(pair.mask, encoding, read_valid(pair) if pair.marks_no_data else None)
    if mask.unknown and encoding.unknown == "error":
        raise DataError(describe_unknown(pair.mask, mask.unknown, mask.counts, encoding, mask.lossy))
    return mask


def _is_labeled(mask: SeenMask, encoding: MaskEncoding) -> bool:
    return bool(encoding.remap_counts(mask.counts - mask.hidden)[: len(encoding.table)].any())


def _spread(pairs: Sequence[ImageMaskPair], count: int) -> list[ImageMaskPair]:
    """Returns all pairs, first `count` of them that are evenly spread over their order."""
    chosen = [i * (len(pairs) - 1) // max(1, count - 1) for i in range(count)]
    return [pairs[i] for i in [*chosen, *sorted({*range(len(pairs))} - {*chosen})]]
