"""Options of the data: their ranges, and their descriptions, which exist once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from segdrone.data import DataConfig
from segdrone.data.config import MAPS, SampleScenes, describe
from segdrone.errors import ConfigError
from tests.helpers.small_run import compose_config

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"sampling": "tile"}, ("data.sampling=tile:", "'whole', 'tiles' or 'crops'")),
        ({"interpolation": "cubic"}, ("data.interpolation=cubic:", "'area', 'linear' or 'nearest'")),
        ({"cache": "ram"}, ("data.cache=ram:", "'disk', 'memory' or 'none'")),
        ({"image_size": [704]}, ("data.image_size=[704]", "must be [height, width] in pixels")),
        ({"image_size": 704}, ("data.image_size=704", "must be [height, width] in pixels")),
        ({"test_image_size": [0, 96]}, ("data.test_image_size=[0, 96]", "must be [height, width] in pixels")),
        ({"tile_size": [64, -1]}, ("data.tile_size=[64, -1]", "must be [height, width] in pixels")),
        ({"crop_size": [64, 1.5]}, ("data.crop_size=[64, 1.5]", "must be [height, width] in pixels")),
        ({"scale": 0}, ("data.scale=0:", "greater than or equal to 0.01")),
        ({"samples_per_image": 0}, ("data.samples_per_image=0:", "greater than or equal to 1")),
        ({"rare_share": 1.1}, ("data.rare_share=1.1:", "less than or equal to 1")),
        ({"rare_share": 0.5}, ("data.rare_share=0.5: it needs data.sampling=crops",)),
        ({"scale": 0.5}, ("data.scale=0.5: data.sampling=whole resizes to data.image_size",)),
        ({"batch_size": 0}, ("data.batch_size=0:", "greater than or equal to 1")),
        ({"batch_size": 2.5}, ("data.batch_size=2.5:", "valid integer")),
        ({"num_workers": -1}, ("data.num_workers=-1:", "greater than or equal to 0")),
        ({"test_share": 1.0}, ("data.test_share=1.0:", "less than 1")),
        ({"val_share": -0.1}, ("data.val_share=-0.1:", "greater than or equal to 0")),
        ({"mean": [0.5]}, ("data.mean=[0.5]: must be three values (red, green, blue)",)),
        ({"std": [0.5, 0.5, 0]}, ("data.std=[0.5, 0.5, 0]: must be three values above 0",)),
        ({"sample": {"count": 4}}, ("data.sample.height is missing", "data.sample.seed is missing")),
        ({"batchsize": 3}, ("data.batchsize is not an option: fix the name",)),
        ({"root": None}, ("data.root is not set: give data.root=FOLDER",)),
        (
            {"root": None, "rasters": None},
            ("data.rasters is not set: give data.rasters=[FILE.tif] data.labels=[FILE]",),
        ),
        ({"rasters": ["a.tif"]}, ("data.rasters=['a.tif']: their labels are missing",)),
        ({"rasters": [1]}, ("data.rasters=[1]: must be a list of files, such as [ortho.tif]",)),
        ({"aoi": "a.gpkg"}, ("data.aoi=a.gpkg: it belongs to maps, which data.rasters=[FILE.tif] names",)),
        ({"block_m": 0}, ("data.block_m=0:", "greater than or equal to 0.5")),
        ({"map_tile": 10}, ("data.map_tile=10:", "greater than or equal to 64")),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        DataConfig.from_dict({"root": "photos", **values})
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_missing_root_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.root is not set: give data\.root=FOLDER"):
        DataConfig.from_dict({})


def test_the_limits_are_allowed() -> None:
    config = DataConfig(root="photos", test_share=0, val_share=0, batch_size=1, num_workers=0, mean=(0, 0, 0))
    assert (config.test_share, config.batch_size, config.num_workers) == (0, 1, 0)


def test_lists_become_tuples_and_the_sample_a_sample() -> None:
    sample = {"count": 4, "height": 64, "width": 96, "seed": 0}
    config = DataConfig.from_dict({"root": "photos", "image_size": [64, 96], "mean": [0.1, 0.2, 0.3], "sample": sample})
    assert config.image_size == (64, 96)
    assert config.mean == (0.1, 0.2, 0.3)
    assert config.sample == SampleScenes(count=4, height=64, width=96, seed=0)


@pytest.mark.parametrize("sample", [None, SampleScenes(count=4, height=64, width=96, seed=0)])
def test_dict_round_trip_holds_only_plain_types(sample: SampleScenes | None) -> None:
    config = DataConfig(root="photos", sample=sample, std=(0.1, 0.2, 0.3), split_dir="splits")
    plain = config.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert DataConfig.from_dict(plain) == config


def test_one_file_is_a_list_of_one() -> None:
    config = DataConfig.from_dict({"rasters": "a.tif", "labels": ["b.gpkg", "c.tif"], "aoi": 7, "root": None})
    assert (config.rasters, config.labels, config.aoi, config.root) == (("a.tif",), ("b.gpkg", "c.tif"), "7", "")


def test_replace_changes_one_value_and_checks_it() -> None:
    config = DataConfig(root="photos")
    assert config.replace(batch_size=7) == DataConfig(root="photos", batch_size=7)
    with pytest.raises(ConfigError, match=r"data\.batch_size=0"):
        config.replace(batch_size=0)


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml") if path.stem != "base"))
def test_every_dataset_of_conf_is_a_config(name: str) -> None:
    cfg = compose_config("train", f"data={name}").data
    if name in ("folder", "geo"):
        assert cfg.root is None
        cfg.root = "photos"
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    config = DataConfig.from_dict(plain)
    assert config.root == plain["root"]
    assert (config.sample is not None) == (name in ("sample", "sample_crowded"))
    assert config.sample is None or config.sample.crowded == (name == "sample_crowded")


DESCRIPTIONS = {name: str(field.description) for name, field in DataConfig.model_fields.items()}


def comments(path: Path) -> dict[str, str]:
    """Comment of each key of a YAML file, by the names of the key and those above it, such as `data.root`."""
    found, above = {}, ""
    for line in path.read_text().splitlines():
        match = re.match(r"(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(# (?P<comment>.*))?$", line)
        if match and not match["indent"]:
            above = match["key"]
        if match and match["comment"]:
            found[match["key"] if not match["indent"] else f"{above}.{match['key']}"] = match["comment"]
    return found


@pytest.mark.parametrize("path", sorted((CONF / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_comments_of_conf_data_begin_with_the_descriptions(path: Path) -> None:
    for key, comment in comments(path).items():
        parent, _, name = key.rpartition(".")
        fields = SampleScenes.model_fields if parent == "sample" else DataConfig.model_fields
        assert comment.startswith(str(fields[name].description)), f"{path.name}: {key}"


def test_every_option_of_the_base_has_a_comment() -> None:
    base = OmegaConf.load(CONF / "data" / "base.yaml")
    assert {str(key) for key in base} == {*comments(CONF / "data" / "base.yaml")}
    of_kinds = {"root", "images", "masks", "sample", "download", "block_m", "map_tile", "map_gsd", *MAPS}
    assert {*DESCRIPTIONS} - {str(key) for key in base} == of_kinds


def test_comments_of_the_data_in_evaluate_begin_with_the_descriptions() -> None:
    found = {key: text for key, text in comments(CONF / "evaluate.yaml").items() if key.startswith("data.")}
    assert len(found) > 15
    del found["data.sampling"]  # has another meaning: crops are a fixed grid there
    for key, comment in found.items():
        assert comment.startswith(DESCRIPTIONS[key.removeprefix("data.")]), key


def test_every_option_has_a_description_without_a_period() -> None:
    fields = [*DataConfig.model_fields.values(), *SampleScenes.model_fields.values()]
    assert all(field.description and not field.description.endswith(".") for field in fields)
    assert describe("batch_size") == "Samples per batch."
    assert all("null" not in describe(name) for name in ("images", "masks", "layout"))  # a word of YAML
