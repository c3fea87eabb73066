import resource
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from segdrone.errors import CheckpointError
from segdrone.training.checkpoint_io import AtomicCheckpointIO
from tests.helpers.training import tiny_checkpoint


def test_checkpoint_is_written_completely(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(2)}, tmp_path / "new" / "a.ckpt")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.ckpt"]
    assert torch.equal(torch.load(tmp_path / "new" / "a.ckpt", weights_only=True)["x"], torch.ones(2))


def test_failed_write_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    AtomicCheckpointIO().save_checkpoint({"x": 1}, path)
    before = path.read_bytes()

    class Full:
        def __reduce__(self) -> str:
            raise OSError(28, "No space left on device")

    expected = r"a.ckpt could not be written \(No space left on device; it takes 0 MB\): free some disk space and start"
    with pytest.raises(CheckpointError, match=expected):
        AtomicCheckpointIO().save_checkpoint({"x": Full()}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("room", [0, 1000, 70_000, 1_200_000])
def test_full_disk_is_named_with_the_need_and_the_way_on(tmp_path: Path, room: int) -> None:
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.touch()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)  # a write beyond it fails, as on a full disk
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(CheckpointError) as refused:
            AtomicCheckpointIO().save_checkpoint({"x": [{"y": torch.ones(400_000)}]}, last.with_name("best.ckpt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert str(refused.value) == (
        f"{last.parent}/best.ckpt could not be written (File too large; it takes 2 MB): free some disk space and "
        f"resume from the last epoch with output_dir={last.parent.parent} ckpt_path={last}"
    )
    assert list(last.parent.iterdir()) == [last]


def state(folder: Path, monitor: str | None, name: str) -> dict[str, Any]:
    """The state of a ModelCheckpoint in a checkpoint."""
    best, score = f"{folder}/{name}", torch.tensor(0.9)
    paths = {"best_model_path": best, "kth_best_model_path": best, "last_model_path": ""}
    return {**paths, "monitor": monitor, "dirpath": str(folder), "best_k_models": {best: score}, "kth_value": score}


def checkpoint(folder: Path, *, last: bool = True) -> dict[str, Any]:
    states = {"best": state(folder, "val/miou", "best.ckpt"), "last": state(folder, None, "last.ckpt")}
    states = states if last else {"best": states["best"]}
    model = torch.load(tiny_checkpoint(folder.parent / "tiny.ckpt"), weights_only=True)
    return {**model, "callbacks": states, "optimizer_states": [1], "lr_schedulers": [2], "epoch": 3}


def test_the_chosen_checkpoint_has_no_optimizer_and_the_last_one_has(tmp_path: Path) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        AtomicCheckpointIO().save_checkpoint(checkpoint(tmp_path), str(tmp_path / name))
    best, last = (torch.load(tmp_path / name, weights_only=True) for name in ("best.ckpt", "last.ckpt"))
    assert best.keys() == {"callbacks", "state_dict", "hyper_parameters", "epoch"}
    assert last.keys() == checkpoint(tmp_path).keys()


def test_without_a_last_checkpoint_the_chosen_one_can_be_resumed(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(checkpoint(tmp_path, last=False), str(tmp_path / "best.ckpt"))
    assert "optimizer_states" in torch.load(tmp_path / "best.ckpt", weights_only=True)


def test_a_moved_run_keeps_its_best_score(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new" / "checkpoints"
    for name in ("last.ckpt", "best.ckpt"):
        AtomicCheckpointIO().save_checkpoint(checkpoint(old), new / name)
    loaded = AtomicCheckpointIO().load_checkpoint(new / "last.ckpt", weights_only=True)["callbacks"]["best"]
    assert loaded == state(new, "val/miou", "best.ckpt")
    (tmp_path / "link").symlink_to(new)
    linked = AtomicCheckpointIO().load_checkpoint(tmp_path / "link" / "last.ckpt", weights_only=True)
    assert linked["callbacks"]["best"] == state(new, "val/miou", "best.ckpt")  # Lightning resolves links too


def test_a_last_checkpoint_copied_alone_does_not_claim_a_best_one(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint(checkpoint(tmp_path / "old"), tmp_path / "new" / "last.ckpt")
    loaded = AtomicCheckpointIO().load_checkpoint(tmp_path / "new" / "last.ckpt", weights_only=True)
    assert loaded["callbacks"]["best"] == state(tmp_path / "old", "val/miou", "best.ckpt")


def test_kept_checkpoint_elsewhere_is_refused_since_the_next_one_would_remove_it(tmp_path: Path) -> None:
    last, below = tmp_path / "run" / "last.ckpt", tmp_path / "run" / ".." / "precious"
    for path, folder in ((tmp_path / "precious", "run"), (below, "run"), (below, "")):
        content = checkpoint(tmp_path / folder)
        content["callbacks"]["best"] |= {"best_model_path": str(path), "best_k_models": {str(path): torch.tensor(0.1)}}
        AtomicCheckpointIO().save_checkpoint(content, last)
        with pytest.raises(CheckpointError, match=r"cannot be resumed \(it keeps .*precious, which is outside"):
            AtomicCheckpointIO().load_checkpoint(last)
