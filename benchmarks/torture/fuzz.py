"""Search for files that break a reader, guided by the code that each file runs.

pip install atheris                                            Google's fuzzer; not needed by anything else
python -m benchmarks.torture.fuzz "class tables" --minutes 5

It starts from valid files, and ends at the first that is neither read nor refused by a SegdroneError, which it keeps
as crash-* in the working folder. Kinds of files: those of `mutations.subjects` that are a single file.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_READERS = {
    "photographs": ("photograph", ".tif"), "masks": ("mask", ".png"), "class tables": ("class_table", ".csv"),
    "class groups": ("class_groups", ".yaml"), "split lists": ("split_list", ".txt"), "videos": ("video", ".mp4"),
}  # fmt: skip
"""Name in `readers` and `samples`, and the suffix under which a file is read."""


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*_READERS])
    parser.add_argument("--minutes", type=float, default=1)
    options = parser.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("error: atheris is missing: pip install atheris")
    name, suffix = _READERS[options.kind]
    with atheris.instrument_imports(include=["segdrone", "yaml", "PIL"]):
        from benchmarks.torture import readers, samples

        from segdrone.errors import SegdroneError
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    _write_corpus(getattr(samples, name), folder / "corpus")
    path = folder / ("train.txt" if name == "split_list" else f"file{suffix}")

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            getattr(readers, name)(path, len(data))
        except SegdroneError:
            return

    limits = [f"-max_total_time={round(60 * options.minutes)}", "-timeout=10", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], str(folder / "corpus"), *limits], read)
    atheris.Fuzz()


def _write_corpus(make: Callable[[Path, random.Random], Path], corpus: Path) -> None:
    corpus.mkdir(parents=True)
    for seed in range(40):
        with tempfile.TemporaryDirectory() as folder:
            file = make(Path(folder), random.Random(seed))
            (corpus / f"{seed}").write_bytes(file.read_bytes())


if __name__ == "__main__":
    main()
