"""Print dataset statistics, and save them as `stats.json` and two plots."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segdrone import figures
from segdrone.data.class_weights import RECOMMENDED, STATS_FILE, WEIGHTINGS, write_stats
from segdrone.data.discovery.file_tree import STATISTICS
from segdrone.errors import shorten_list
from segdrone.inspection.stats import Stats
from segdrone.utils.atomic import writable_dir
from segdrone.utils.output_dir import staged_results


def print_stats(stats: Stats) -> None:
    """Prints statistics of the whole dataset, then of its classes, most frequent first, with suggested weights."""
    console = Console()
    overall = Table(show_header=False)
    overall.add_row("photographs", f"{len(stats.ids)}")
    overall.add_row("width x height", _format_sizes(stats))
    overall.add_row("mean of red, green, blue", _format_channels(stats.mean))
    overall.add_row("standard deviation", _format_channels(stats.std))
    overall.add_row("ignored pixels", f"{100 * stats.ignored:.3g} %")
    console.print(overall)
    order = np.argsort(-stats.pixels.sum(0), kind="stable")
    shares = {
        "pixels %": stats.pixels,
        **{f"{split} %": stats.pixels_of(split) for split in stats.splits if stats.pixels_of(split).size},
    }
    classes = Table("class", *(f"{name:>8}" for name in shares), "photographs", "regions")
    weights = Table("class")
    for scheme in WEIGHTINGS:  # a narrow console folds the long names, and leaves the numbers whole
        weights.add_column(scheme, justify="right", overflow="fold", min_width=7)
    for i in order:
        name = Text(stats.table.names[i])  # brackets in it are no markup
        percent = [
            f"{100 * rows[:, i].sum() / max(1, rows.sum()):.3f}" if rows[:, i].any() else "absent"
            for rows in shares.values()
        ]
        classes.add_row(
            name, *(f"{v:>8}" for v in percent), f"{stats.photographs[i]:>11}", f"{stats.regions[:, i].sum():>7}"
        )
        weights.add_row(name, *(f"{values[i]:.3f}" for values in stats.weights.values()))
    console.print(classes)
    source = "the train split" if stats.splits else "all photographs"
    console.print(f"\nclass weights from {source}, mean 1; auto is {RECOMMENDED}", soft_wrap=True, highlight=False)
    console.print(weights)


def save_stats(stats: Stats, folder: Path) -> None:
    """Writes `stats.json`, `classes.png` and `cooccurrence.png`.

    Raises:
        DataError: The folder cannot be written to.
    """
    names, pixels = stats.table.names, stats.pixels.sum(0)
    sizes = [{"height": h, "width": w, "photographs": n} for (h, w), n in Counter(stats.sizes).most_common()]
    facts = {
        "photographs": len(stats.ids),
        "sizes": sizes,
        "mean": stats.mean,
        "std": stats.std,
        "ignored_share": stats.ignored,
        "per_class": {
            name: {
                "pixels": int(pixels[i]),
                "share": float(pixels[i] / max(1, pixels.sum())),
                "photographs": int(stats.photographs[i]),
                "regions": int(stats.regions[:, i].sum()),
            }
            for i, name in enumerate(names)
        },
        "class_weights": {scheme: dict(zip(names, values, strict=True)) for scheme, values in stats.weights.items()},
        "cooccurrence": stats.cooccurrence.tolist(),
    }
    with writable_dir(folder), staged_results(folder, STATISTICS) as results:
        write_stats(results.path / STATS_FILE.name, stats.table, stats.ids, stats.pixels, stats.mask_states, **facts)
        columns = {"photographs": stats.photographs, "regions": stats.regions.sum(0)}
        title = f"Classes of {len(stats.ids)} photographs"
        figures.save(figures.plot_class_shares(pixels, columns, stats.table, title), results.path / "classes.png")
        figures.save(figures.plot_cooccurrence(stats.cooccurrence, stats.table), results.path / "cooccurrence.png")
        results.commit()


def _format_sizes(stats: Stats) -> str:
    parts = [f"{width} x {height} ({n})" for (height, width), n in Counter(stats.sizes).most_common()]
    return shorten_list(parts, 3)


def _format_channels(values: list[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
