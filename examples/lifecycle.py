"""The life of a model, on rendered scenes: train, serve, notice drift, label, train on, compare, replace.

make lifecycle                                          all of it into outputs/lifecycle, about ten minutes on two cores
python examples/lifecycle.py --out FOLDER --epochs 4

Each step is a command that anyone can run; docs/lifecycle.md explains them. The flights of the evening are scenes that
were made darker. A person would label the strangest photographs; here the renderer knows their masks.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

SEGDRONE = [sys.executable, "-m", "segdrone"]
SIZE, COUNT = "576x384", 100  # of the scenes of each flight: the statistics need ten validation photographs
PICKED = 24  # photographs to label
PHOTOGRAPHS, LABELS = "original_images", ("label_images_semantic", "instances")


def step(text: str) -> None:
    """Says what comes next."""
    print(f"\n=== {text}", flush=True)


def run(*arguments: str | Path, allowed: tuple[int, ...] = (0,)) -> int:
    """Runs a segdrone command, shows it, and ends the script if it fails."""
    words = [str(argument) for argument in arguments]
    print("$ segdrone", " ".join(words), flush=True)
    code = subprocess.run([*SEGDRONE, *words], check=False).returncode
    if code not in allowed:
        sys.exit(f"segdrone {words[0]} ended with exit code {code}")
    return code


def render_flight(folder: Path, seed: int, *, evening: bool = False) -> None:
    """Renders the photographs of a flight and their masks; those of the evening are dark and reddish."""
    run("data", "sample", folder, "--count", str(COUNT), "--size", SIZE, "--seed", str(seed), "--quiet")
    for file in (folder / PHOTOGRAPHS).iterdir() if evening else ():
        image = cv2.imread(str(file))
        assert image is not None
        cv2.imwrite(str(file), np.clip(image * np.array([0.25, 0.32, 0.42]), 0, 255).astype(np.uint8))


def train(run_folder: Path, data: Path, epochs: int, *options: str | Path) -> Path:
    """Trains the network of experiment=demo; returns the exported model."""
    size = ["data.image_size=[192,288]", "data.test_image_size=[192,288]", "data.batch_size=4", "data.num_workers=0"]
    run(
        "train", "augment=flips", "trainer=cpu", "model.encoder_weights=null", "optimizer.lr=2e-3", *size,
        f"data.root={data}", f"trainer.max_epochs={epochs}", "pictures=1", f"output_dir={run_folder}", *options,
    )  # fmt: skip
    exported = run_folder / "exported"
    run("export", run_folder / "checkpoints" / "best.ckpt", "--to", "onnx", "--out", exported, "--no-parity")
    return exported / "best.onnx"


class Service:
    """`segdrone serve` of a model file."""

    def __init__(self, model: Path, statistics: Path) -> None:
        self.process = subprocess.Popen(
            [*SEGDRONE, "serve", f"net={model}", "--port", "0", "--statistics", str(statistics)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        self.address = self.process.stderr.readline().split(" on ")[1].strip()

    def send(self, photograph: Path) -> int:
        """Posts a photograph; returns the status."""
        return self.post("v1/segment", photograph.read_bytes())

    def post(self, path: str, content: bytes = b"") -> int:
        """Posts a body; returns the status."""
        request = urllib.request.Request(self.address + path, content, {"Content-Type": "image/jpeg"})
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)

    def get(self, path: str) -> str:
        """Returns what is at an address."""
        with urllib.request.urlopen(self.address + path) as answer:
            return str(answer.read().decode())

    def stop(self) -> None:
        """Lets the service end."""
        self.process.terminate()
        self.process.wait()


def replace_under_load(service: Service, live: Path, new: Path, photographs: list[Path]) -> Counter[int]:
    """Replaces the model while photographs are sent; returns the statuses of their answers."""
    seen, is_over = Counter[int](), threading.Event()

    def send() -> None:
        while not is_over.is_set():
            for photograph in photographs:
                seen[service.send(photograph)] += 1

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(2)
    shutil.copyfile(new, live)
    seen[service.post("v1/models/net/reload")] += 0
    time.sleep(2)
    is_over.set()
    sender.join()
    return seen


def main() -> None:
    """Lives through all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/lifecycle"), help="(outputs/lifecycle)")
    parser.add_argument("--epochs", type=int, default=12, help="of the first training (12)")
    options = parser.parse_args()
    out: Path = options.out
    if out.exists():
        sys.exit(f"{out} exists: remove it, or give another --out")
    out.mkdir(parents=True)

    step("1. train on the flights of the day, and export")
    render_flight(out / "day", seed=0)
    first = train(out / "first", out / "day", options.epochs)
    live = out / "live" / "net.onnx"
    live.parent.mkdir()
    shutil.copyfile(first, live)

    step("2. serve; flights of the evening come")
    render_flight(out / "evening", seed=1000, evening=True)
    photographs = sorted((out / "evening" / PHOTOGRAPHS).iterdir())
    service = Service(live, out / "statistics")
    try:
        print(f"{Counter(map(service.send, photographs))} by status")
        print("\n".join(line for line in service.get("metrics").splitlines() if line.startswith("segdrone_drift")))

        step("3. monitor: what has changed, and which photographs are the strangest")
        run("predict", first, out / "evening" / PHOTOGRAPHS, "--out", out / "predicted", "--quiet")
        code = run("monitor", out / "predicted", "--model", first, "--out", out / "monitor", allowed=(0, 1))
        print("alarm" if code else "no alarm")
        report = json.loads((out / "monitor" / "monitor.json").read_text())
        strange = {Path(photograph["path"]).name for photograph in report["strangest"]}
        picked = [photograph for photograph in photographs if photograph.name in strange]
        picked += [photograph for photograph in photographs if photograph not in picked][: PICKED - len(picked)]

        step(f"4. label {len(picked)} of them, and train on, with the photographs of the day")
        shutil.copytree(out / "day", out / "both")
        for photograph in picked:
            shutil.copy(photograph, out / "both" / PHOTOGRAPHS / f"evening_{photograph.name}")
            for kind in LABELS:
                label = out / "evening" / kind / f"{photograph.stem}.png"
                shutil.copy(label, out / "both" / kind / f"evening_{label.name}")
        best = out / "first" / "checkpoints" / "best.ckpt"
        second = train(out / "second", out / "both", max(2, options.epochs // 2), f"init_from={best}")

        step("5. compare on another evening")
        render_flight(out / "other-evening", seed=2000, evening=True)
        for name, model in (("first", first), ("second", second)):
            data = [f"data.root={out / 'other-evening'}", "data.test_image_size=[192,288]", "split=all"]
            run("evaluate", f"model={model}", *data, "pictures=1", f"output_dir={out / f'scored-{name}'}")
        run("compare", out / "scored-first", out / "scored-second", "--out", out / "compared")

        step("6. replace the model, while requests come")
        statuses = replace_under_load(service, live, second, photographs[:4])
        digest = json.loads(service.get("v1/models/net"))["digest"]
        print(f"{dict(statuses)} requests by status; the service now has {digest[:12]}")
        if {*statuses} != {200}:
            sys.exit("requests were lost")
    finally:
        service.stop()


if __name__ == "__main__":
    main()
