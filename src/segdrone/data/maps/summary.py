"""What a cut made, and its table on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from segdrone.data.maps.manifest import MANIFEST, read_manifest
from segdrone.data.splits.split import SPLITS
from segdrone.errors import DataError


@dataclass(frozen=True)
class CutSummary:
    """What is in a folder of tiles.

    Attributes:
        root: The folder.
        names: Names of the tiles.
        tiles: Number of tiles per split.
        blocks: Number of blocks of ground per split.
        block: Meters of the side of a block.
        gsd: Smallest and largest meters per pixel.
        pixels: Number of pixels per class, and `ignored`.
        notes: What was chosen for the user, or left out.
    """

    root: Path
    names: tuple[str, ...]
    tiles: dict[str, int]
    blocks: dict[str, int]
    block: float
    gsd: tuple[float, float]
    pixels: dict[str, int]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> CutSummary:
        """Reads the manifest of a folder of tiles.

        Raises:
            DataError: There is none, or it cannot be read.
        """
        manifest: dict[str, Any] | None = read_manifest(root)
        try:
            if manifest is None:
                raise ValueError
            low, high = manifest["gsd"]
            return cls(
                root,
                tuple(str(name) for split in SPLITS for name in manifest["splits"][split]),
                {split: len(manifest["splits"][split]) for split in SPLITS},
                {split: int(manifest["blocks"][split]) for split in SPLITS},
                float(manifest["block"]),
                (float(low), float(high)),
                {str(name): int(count) for name, count in manifest["pixels"].items()},
                tuple(map(str, manifest["notes"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(
                f"{root / MANIFEST} is no manifest of tiles: remove {root}, and cut the maps again"
            ) from None

    def __str__(self) -> str:
        """The folder, its tiles and blocks per split, and the ground sampling distance, in one line."""
        splits = ", ".join(f"{self.tiles[split]} {split} ({self.blocks[split]} blocks)" for split in SPLITS)
        low, high = (f"{100 * value:.3g}" for value in self.gsd)
        gsd = low if low == high else f"{low} to {high}"
        return f"{self.root}: tiles {splits} of {self.block:g} m, {gsd} cm per pixel"


def print_summary(summary: CutSummary) -> None:
    """Prints what was written, and the classes by their share of the pixels."""
    console = Console()
    console.print(str(summary), soft_wrap=True, highlight=False, markup=False)
    total = max(1, sum(summary.pixels.values()))
    table = Table("class", f"{'pixels %':>9}")
    for name, count in sorted(summary.pixels.items(), key=lambda row: -row[1]):
        table.add_row(Text(name), f"{100 * count / total:9.2f}")
    console.print(table)
    for note in summary.notes:
        console.print(note, soft_wrap=True, highlight=False, markup=False)
