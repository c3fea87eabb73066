"""Convert a small checkpoint to every format that an environment of its own is made for: `make export-trial`.

It installs 4 GB, so it is no part of the tests. Each conversion compares the file with the checkpoint, where it can
run, and must carry the description of the model.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from segdrone.export.formats import FORMATS
from segdrone.export.run import export
from tests.helpers.training import tiny_checkpoint


def main() -> None:
    """Exports, and looks for the description in the files."""
    failed = []
    with TemporaryDirectory() as folder:
        checkpoint = tiny_checkpoint(Path(folder) / "best.ckpt")
        for name, entry in FORMATS.items():
            if entry.needs != "uv":
                continue
            out = Path(folder) / name
            export(checkpoint, [name], out, window=(64, 96), parity=False, progress=False)
            files = [path for path in out.rglob("*") if path.is_file()]
            described = any(b'"signature"' in path.read_bytes().replace(b"\\", b"") for path in files)
            print(f"{name}: {sum(path.stat().st_size for path in files) / 1e6:.1f} MB", flush=True)
            failed += [] if described else [name]
    if failed:
        sys.exit(f"without description: {', '.join(failed)}")


if __name__ == "__main__":
    main()
