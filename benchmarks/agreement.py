"""Agreement of a finished model's files with its checkpoint, on rendered scenes.

pip install -e '.[export]'
python benchmarks/agreement.py                                             the included model `scenes`, 200 scenes
python benchmarks/agreement.py --model best.ckpt --formats onnx openvino

Scenes of 512 x 768 pixels, which the model was not trained on, are predicted whole by the checkpoint in torch and by
each file that `segdrone export` makes of it, on CPU. int8 is calibrated on eight further scenes, without accuracy
control.
Writes benchmarks/results/agreement.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import torch
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.runtime import BACKENDS, cpu_name

from segdrone.export.run import export
from segdrone.included import find_model
from segdrone.inference import Predictor
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write

SIZE = (512, 768)
FIRST_SEED = 700_000  # apart from those of the training of `scenes`
CALIBRATED_ON = 8


def main() -> None:
    """Measures all files, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="scenes", help="a checkpoint, or the name of an included model (scenes)")
    parser.add_argument("--count", type=int, default=200, help="scenes (200)")
    parser.add_argument("--formats", nargs="+", default=BACKENDS, choices=BACKENDS, help="(all)")
    options = parser.parse_args()
    checkpoint = find_model(options.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenes").mkdir()
        for i in range(CALIBRATED_ON):
            scene = render_scene(*SIZE, FIRST_SEED - 1 - i)[0]
            cv2.imwrite(str(folder / "scenes" / f"{i}.png"), scene[..., ::-1])
        files = export(
            checkpoint, options.formats, folder / "exported", calibrate=folder / "scenes", parity=False, progress=False
        )
        reference = Predictor.from_file(checkpoint, device="cpu")
        others = {
            key: Predictor.from_file(file, device="cpu") for key, file in zip(options.formats, files, strict=True)
        }
        agreed: dict[str, list[float]] = {key: [] for key in others}
        furthest, right, right_in_torch = dict.fromkeys(others, 0), dict.fromkeys(others, 0), 0
        for i in tqdm(range(options.count), "scenes"):
            scene, mask = render_scene(*SIZE, FIRST_SEED + i)[:2]
            expected = reference(scene, confidence=True)
            right_in_torch += int((expected.mask == mask).sum())
            for key, predictor in others.items():
                got = predictor(scene, confidence=True)
                agreed[key].append(float((got.mask == expected.mask).mean()))
                assert got.confidence is not None and expected.confidence is not None
                difference = np.abs(got.confidence.astype(int) - expected.confidence)
                furthest[key] = max(furthest[key], int(difference.max()))
                right[key] += int((got.mask == mask).sum())
    pixels = options.count * SIZE[0] * SIZE[1]
    rows = [f"| torch |  |  |  | {right_in_torch / pixels:.4f} |"]
    rows += [
        f"| {key} | {100 * np.mean(values):.4f} | {100 * min(values):.4f} | {furthest[key] / 255:.3f} "
        f"| {right[key] / pixels:.4f} |"
        for key, values in agreed.items()
    ]
    defaults = {"model": "scenes", "count": 200, "formats": BACKENDS}
    changed = "".join(
        f" --{key} {' '.join(value) if isinstance(value, list) else value}"
        for key, value in vars(options).items()
        if value != defaults[key]
    )
    table = f"""# Exported files beside their checkpoint

`python benchmarks/agreement.py{changed}`: {options.count} rendered scenes of {SIZE[1]} x {SIZE[0]}; {cpu_name()},
torch {torch.__version__}.

| file | pixels of torch's class, % | in the worst scene, % | largest difference of confidence | accuracy |
|---|---|---|---|---|
{chr(10).join(rows)}
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "agreement.md") as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
