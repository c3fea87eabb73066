"""What the pages of benchmarks say of their results."""

import json
import re
from argparse import Namespace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks import baseline, instances_peer, mask_rcnn
from benchmarks.learning_curve import NETWORK, TUTORIAL, Results, enough, overtaken


@pytest.mark.parametrize(
    ("network", "model", "text"),
    [
        ((0.1, 0.3, 0.5), (0.2, 0.2, 0.2), "from 5 on"),
        ((0.3, 0.1, 0.5), (0.2, 0.2, 0.2), "from 20 on"),  # not from 1 on: with 5 photographs it is worse
        ((0.3, 0.3, 0.1), (0.2, 0.2, 0.2), "not up to 20"),
        ((0.3, 0.3, 0.3), (0.2, 0.2, 0.2), "from 1 on"),
    ],
)
def test_the_network_is_better_from_where_it_stays_better(
    network: tuple[float, ...], model: tuple[float, ...], text: str
) -> None:
    rows = {NETWORK: network, "forest": model}
    results: Results = {
        (name, count): {"miou": miou}
        for name, values in rows.items()
        for count, miou in zip((1, 5, 20), values, strict=True)
    }
    assert overtaken(results, "forest") == text
    assert overtaken(results, "another") == "not measured"


def test_the_network_with_few_photographs_is_compared_with_a_model_that_has_the_most() -> None:
    results: Results = {(NETWORK, count): {"miou": score} for count, score in ((10, 0.2), (40, 0.3), (306, 0.5))}
    results |= {(TUTORIAL, 10): {"miou": 0.1}, (TUTORIAL, 306): {"miou": 0.25}, ("classic_exg_mean", 40): {"miou": 0.6}}
    assert enough(results, TUTORIAL) == "40 against 306"
    assert enough(results, "classic_exg_mean") == "none measured"
    assert enough(results, "classic_pixel_forest") == "not measured"


def test_variants_in_the_help_of_the_ablation_are_there() -> None:
    assert baseline.__doc__ is not None
    named = re.findall('--only "([^"]+)"', baseline.__doc__)
    assert named
    assert {*named} <= baseline.ABLATIONS.keys()


def test_a_run_whose_files_are_wanted_is_not_only_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = dict.fromkeys(("root", "split_dir", "weights", "context_weights", "code", "device"))
    options = Namespace(**given, epochs=1, height=64, width=96, keep=None, runs=tmp_path / "runs.jsonl")
    run: dict[str, Any] = {
        "name": baseline.TUTORIAL,
        "seed": 1,
        "epochs": 1,
        "size": [64, 96],
        "photographs": "None",
        "split": "None",
    }
    run |= {"weights": "None", "context_weights": "None", "code": None, "device": None, "torch": torch.__version__}
    options.runs.write_text(json.dumps({"run": run, "result": {"miou": 0.5}}) + "\n")
    assert baseline.load_or_train(options, baseline.TUTORIAL, 1) == {"miou": 0.5}
    options.keep = tmp_path / "keep"
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(CalledProcessError):  # it trains
        baseline.load_or_train(options, baseline.TUTORIAL, 1)
    (options.keep / "tutorial-1").mkdir(parents=True)
    assert baseline.load_or_train(options, baseline.TUTORIAL, 1) == {"miou": 0.5}


def test_things_that_are_ranked_by_area_have_no_average_precision_beside_others() -> None:
    objects = {"map": 0.5, "map_50": 0.75}
    metrics: dict[str, Any] = {"panoptic": {"pq_things": 0.25, "classes": {"car": {"pq": 0.25}}}, "objects": objects}
    ranked = {**metrics, "reliability": []}
    assert instances_peer.row("a", ranked, ranked, "1", ["car"]) == "| a | 0.250 | 0.250 | 0.500 | 0.750 | 1 |"
    unranked = {**metrics, "reliability": None}
    assert instances_peer.row("a", unranked, unranked, "1", ["car"]) == "| a | 0.250 | 0.250 | - | - | 1 |"


def test_a_crop_has_the_boxes_of_what_is_left_of_its_things() -> None:
    masks = torch.zeros(3, 40, 60, dtype=torch.uint8)
    masks[0, 10:20, 10:30], masks[1, :2, :2], masks[2, 30:, 40:] = 1, 1, 1  # the second is too small to be learned
    image = torch.arange(40 * 60.0).reshape(1, 40, 60).expand(3, 40, 60)
    truth = {"boxes": torch.zeros(3, 4), "labels": torch.tensor([4, 5, 6]), "masks": masks}
    seen = set()
    for seed in range(20):
        cut, left = mask_rcnn.crop(image, truth, (24, 32), np.random.default_rng(seed))
        assert cut.shape == (3, 24, 32)
        top, start = divmod(int(cut[0, 0, 0]), 60)
        seen.update(left["labels"].tolist())
        for label, box, mask in zip(left["labels"].tolist(), left["boxes"].int().tolist(), left["masks"], strict=True):
            assert torch.equal(mask, masks[label - 4, top : top + 24, start : start + 32])
            x, y, right, bottom = box
            assert mask[y:bottom, x:right].all() and mask.sum() == (right - x) * (bottom - y)
    assert seen == {4, 6}
