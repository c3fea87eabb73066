"""Take the options of an earlier run when training goes on from it; options given on the command line win."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from pydantic import BaseModel, ConfigDict, InstanceOf

from segdrone.classic import SUFFIX
from segdrone.classic.model import is_classic
from segdrone.data.config import MAPS
from segdrone.errors import ConfigError, shorten_list
from segdrone.model import read_checkpoint
from segdrone.training.checks import check_classic
from segdrone.training.given import BY_KEY, Given, flatten, parse_given
from segdrone.utils.bounded import UnreadableError, read_json, to_plain, validate
from segdrone.utils.config import config_dir, to_container
from segdrone.utils.output_dir import run_dir

log = logging.getLogger(__name__)

_WHOLE = ("augment", "model", "loss", "optimizer", "scheduler", "callbacks", "logger")  # taken over as they are
_SINGLE = ("seed", "distil_from", "compile", "objective", "direction", "pictures", "objects", "inference", "export")
_WRITE = ("sample", "download", "cache_dir", *MAPS)  # of `data`: what has files written is never taken from a file
_OF_A_MODEL = (  # of `data`: what the weights of a checkpoint are used to
    "sampling", "image_size", "test_image_size", "tile_size", "crop_size", "scale", "interpolation", "bands", "stretch",
    "mean", "std",
)  # fmt: skip
_PLACES = ("dirpath", "folder", "save_dir")  # of callbacks and loggers: folders that they write to
_SHOWN = 6  # options in the message


class _Config(BaseModel):
    """What is read of the config in `run.json`. Texts can have bytes of file names that are no text."""

    model_config = ConfigDict(extra="allow")
    output_dir: InstanceOf[str]
    data: dict[str, Any] = {}
    trainer: dict[str, Any] = {}
    augment: dict[str, Any] | None = None
    model: dict[str, Any] = {}
    loss: dict[str, Any] = {}
    optimizer: dict[str, Any] = {}
    scheduler: dict[str, Any] = {}
    callbacks: dict[str, dict[str, Any] | None] | None = None
    logger: dict[str, dict[str, Any] | None] | None = None


class _Run(BaseModel):
    config: _Config


def inherit_options(cfg: DictConfig, overrides: Sequence[str], folders: Sequence[str | Path] = ()) -> None:
    """Puts the options of the run that `ckpt_path` or `init_from` leads to into a config, and says which.

    A run that is resumed (`ckpt_path`) has all options of the earlier one, from its `run.json`, or from the checkpoint
    if that is missing. A run that starts from its weights (`init_from`) has its network, and the sizes and the
    normalization that the weights are used to.

    Args:
        cfg: The composed config; changed in place.
        overrides: Hydra's overrides of the command line, which win.
        folders: Folders of configuration files besides `conf/`.

    Raises:
        CheckpointError: As `read_checkpoint`.
        ConfigError: `run.json` cannot be read.
    """
    source = cfg.ckpt_path or cfg.init_from
    if source is None:
        return
    if is_classic(cfg.model.get("name")):
        check_classic(to_container(cfg))
    if Path(source).suffix.lower() == SUFFIX:
        raise ConfigError(f"{source} is a classical model, which is fitted anew and not trained on: leave it out")
    given = parse_given(overrides, [config_dir(), *map(Path, folders)])
    before = flatten(to_container(cfg))
    file = run_dir(source) / "run.json"
    if cfg.ckpt_path is not None and file.is_file():
        name, saved = str(file), _read_run(file, str(cfg.output_dir))
        root = saved.get("data", {}).get("root")
        if isinstance(root, str) and "data.root" not in given.keys:
            trained = read_checkpoint(source)["hyper_parameters"]["data"]
            # A relative folder was one of another working folder; here it is missing, or may be another dataset.
            known = Path(trained.get("root") or "")
            if not Path(root).exists() or (known.is_absolute() and known.exists()):
                places = ("root", "images", "masks", "replay")
                saved["data"] |= {key: trained[key] for key in places if trained.get(key)}
    else:
        name, hparams = str(source), read_checkpoint(source)["hyper_parameters"]
        keys = hparams["data"] if cfg.ckpt_path is not None else _OF_A_MODEL
        if given.keys & {"data.sampling"}:
            keys = [key for key in keys if key not in ("sampling", "tile_size", "crop_size", "scale")]
        model = {"encoder_weights": None, **hparams["model"]}
        if "context" in model:
            model["context_weights"] = None
        if cfg.ckpt_path is not None:
            log.warning(
                "%s is missing, which says how %s was trained: network and data are those of the checkpoint, but loss, "
                "augmentation, callbacks, seed and all else those given here", file, source,
            )  # fmt: skip
        saved = {"model": model, "data": {key: hparams["data"][key] for key in keys if key in hparams["data"]}}
    _refuse_interpolations(saved, name)
    _merge(cfg, saved, given)
    after = flatten(to_container(cfg))
    changed = [f"{key}={_show(value)}" for key, value in after.items() if before.get(key, "") != value]
    if changed:
        log.info("options of %s: %s; those given here win", name, shorten_list(changed, _SHOWN))


def _read_run(file: Path, output_dir: str) -> dict[str, Any]:
    """Returns the config in a run's `run.json`, with the run's folder replaced by the current one."""
    try:
        content = to_plain(read_json(file))
        old = validate(_Run, content).config.output_dir
        if not old:
            raise UnreadableError("output_dir is empty")
    except UnreadableError as error:
        raise ConfigError(
            f"{file} cannot be read ({error}): restore it, or remove it and give all options again"
        ) from None
    moved = _replace_folder(content["config"], old, output_dir)
    return {key: moved[key] for key in (*_WHOLE, *BY_KEY, *_SINGLE) if key in moved}


def _replace_folder(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace_folder(part, old, new) for key, part in value.items()}
    if isinstance(value, list):
        return [_replace_folder(part, old, new) for part in value]
    folder = old.rstrip("/")
    is_inside = isinstance(value, str) and f"{value}/".startswith(f"{folder}/")  # runs/10 is not in runs/1
    return new + value.removeprefix(folder) if is_inside else value


def _refuse_interpolations(value: Any, name: str) -> None:
    """Refuses `${...}`, which OmegaConf would replace, as by a variable of the environment; saved options have none.

    Raises:
        ConfigError: A value or a key has one.
    """
    for part in [*value, *value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _refuse_interpolations(part, name)
    if isinstance(value, str) and "${" in value:
        raise ConfigError(f"{name} holds the text {value[:60]!a}, which is no saved option: give all options again")


def _merge(cfg: DictConfig, saved: Mapping[str, Any], given: Given) -> None:
    for section, value in saved.items():
        if section in given.groups and section not in BY_KEY:
            continue
        current = cfg.get(section)
        merged = value
        if section in BY_KEY:
            kept = {key: part for key, part in value.items() if not (section == "data" and key in _WRITE)}
            if section == "trainer":  # is instantiated: a file must not choose what is run, or how
                kept = {key: part for key, part in kept.items() if not (key.startswith("_") or _has_mapping(part))}
            merged = {**to_container(current), **kept}
        elif section in ("callbacks", "logger"):
            folder = os.path.abspath(str(cfg.output_dir))
            merged = _known_parts(value or {}, to_container(current) if current else {}, section, folder)
        with open_dict(cfg):
            given_here = {key: OmegaConf.select(cfg, key) for key in given.keys if f"{key}.".startswith(f"{section}.")}
            cfg[section] = OmegaConf.create(merged) if isinstance(merged, dict | list) else merged
            for key, chosen in given_here.items():
                OmegaConf.update(cfg, key, chosen, merge=False, force_add=True)


def _has_mapping(part: Any) -> bool:
    return isinstance(part, Mapping) or (isinstance(part, list) and any(map(_has_mapping, part)))


def _known_parts(saved: Mapping[str, Any], current: Mapping[str, Any], section: str, folder: str) -> dict[str, Any]:
    """Returns those saved parts that import only what `conf/` names, and write to the run's folder alone.

    A file must not choose what is run, nor which files are replaced.
    """
    parts = {}
    for name, part in saved.items():
        unknown = [target for target in _find_targets(part) if target not in _known_targets()]
        outside = _find_outside(part, folder)
        if not unknown and outside is None:
            parts[name] = part
            continue
        if name in current:
            parts[name] = current[name]
        if outside is not None:
            log.warning(
                "%s.%s is not taken over, as %s is outside of %s: give it again", section, name, outside, folder
            )
        elif name not in current:
            log.warning("%s.%s is not taken over, as %s is not in conf/: give it again", section, name, unknown[0])
    return parts


def _find_outside(part: Any, folder: str, key: str = "") -> str | None:
    """Returns the first text of a part that leads out of a folder, if it is a path; a name is one in the folder."""
    if isinstance(part, str):
        path = os.path.abspath(part if key in _PLACES else os.path.join(folder, part))
        return None if Path(path).is_relative_to(folder) else part
    pairs: list[tuple[Any, Any]] = []
    if isinstance(part, Mapping):
        pairs = [*part.items()]
    elif isinstance(part, list):
        pairs = [(key, child) for child in part]
    return next((text for name, child in pairs if (text := _find_outside(child, folder, str(name))) is not None), None)


def _find_targets(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from (str(value) for key, value in part.items() if key == "_target_")
        part = [*part.values()]
    if isinstance(part, list):
        for child in part:
            yield from _find_targets(child)


@cache
def _known_targets() -> frozenset[str]:
    files = (OmegaConf.to_container(OmegaConf.load(path)) for path in config_dir().rglob("*.yaml"))
    return frozenset(target for content in files for target in _find_targets(content))


def _show(value: Any) -> str:
    text = str(value).replace(" ", "")
    return text if len(text) <= 60 else f"{text[:57]}..."
