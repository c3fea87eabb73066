from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from segdrone.errors import CheckpointError, ConfigError
from segdrone.model import SegmentationModule, check_resumable, load_network, load_pretrained
from segdrone.model.any_size import round_up_to_stride
from segdrone.model.networks import build_network
from tests.helpers.training import DATA, MODEL, THREE, fit
from tests.model.test_finetune import _save
from tests.model.test_networks import SMALL

THINGS = THREE.to_dict() | {"things": ["roof"]}


def panoptic_module(seed: int = 0, **options: Any) -> SegmentationModule:
    torch.manual_seed(seed)
    return SegmentationModule({**MODEL, "instances": True}, THINGS, DATA, {}, **options)


@pytest.mark.parametrize("name", SMALL)
def test_every_network_takes_the_head_and_keeps_its_logits(name: str) -> None:
    options = {"encoder_name": "resnet18", **SMALL[name]}
    torch.manual_seed(0)
    network = build_network(name, classes=3, instances=True, **options).eval()
    plain = build_network(name, classes=3, **options).eval()
    state = {key.replace("head.semantic.", "head."): value for key, value in network.state_dict().items()}
    plain.load_state_dict({key: state[key] for key in plain.state_dict()})
    image = torch.randn(1, 3, *round_up_to_stride(network, 64, 64))
    output = network(image)
    assert output.shape == (1, 6, *image.shape[2:])
    assert torch.equal(output[:, :3], plain(image))
    assert output[:, 3:].std((0, 2, 3)).min() > 0


def test_an_untrained_head_costs_hardly_more_than_empty_planes() -> None:
    module = panoptic_module()
    mask, instances = torch.zeros(2, 64, 64, dtype=torch.long), torch.zeros(2, 64, 64, dtype=torch.int32)
    mask[:, 20:40, 20:40], instances[:, 20:40, 20:40] = 1, 1
    planes = module.train()(torch.randn(2, 3, 64, 64))[:, 3:]
    assert module.instance_loss is not None
    empty = module.instance_loss(torch.zeros_like(planes), mask, instances)
    assert empty < module.instance_loss(planes, mask, instances) < 1.5 * empty


def test_a_network_without_the_head_starts_one_with_it(tmp_path: Path) -> None:
    torch.manual_seed(1)
    plain = SegmentationModule(MODEL, THREE.to_dict(), DATA, {})
    module = panoptic_module(seed=2)
    fresh = copy.deepcopy(module.network.get_submodule("segmentation_head")).state_dict()
    line = load_pretrained(module, _save(plain, tmp_path / "a.ckpt"))
    assert "3 classes keep their rows" in line
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(module.eval()(image)[:, :3], plain.eval()(image))
    head = module.network.get_submodule("segmentation_head").state_dict()
    assert torch.equal(head["instances.0.weight"], fresh["instances.0.weight"])


def test_a_network_without_the_head_starts_from_one_with_it(tmp_path: Path) -> None:
    torch.manual_seed(1)
    plain, module = SegmentationModule(MODEL, THREE.to_dict(), DATA, {}), panoptic_module(seed=2)
    load_pretrained(plain, _save(module, tmp_path / "a.ckpt"))
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(plain.eval()(image), module.eval()(image)[:, :3])


def test_a_checkpoint_says_that_things_are_told_apart(tmp_path: Path) -> None:
    module = panoptic_module()
    network, spec = load_network(_save(module, tmp_path / "a.ckpt"))
    assert spec.instances and spec.planes == 6 and spec.classes.things == ("roof",)
    image = torch.randn(1, 3, 32, 32)
    assert torch.equal(network(image), module.eval()(image))


def test_a_checkpoint_whose_spec_denies_its_head_is_refused(tmp_path: Path) -> None:
    path = _save(panoptic_module(), tmp_path / "a.ckpt")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["spec"]["instances"] = False
    torch.save(checkpoint, path)
    with pytest.raises(CheckpointError, match="contradicts itself: the instance head"):
        load_network(path)


def test_a_network_that_tells_nothing_apart_is_refused() -> None:
    with pytest.raises(CheckpointError, match="the class table names no thing"):
        SegmentationModule({**MODEL, "instances": True}, THREE.to_dict(), DATA, {})
    with pytest.raises(ConfigError, match="model.instances=yes must be true or false"):
        build_network("unet", classes=2, instances="yes", encoder_name="resnet18")  # type: ignore[arg-type]


def test_a_head_does_not_go_on_with_other_things(tmp_path: Path) -> None:
    path = _save(panoptic_module(), tmp_path / "a.ckpt")
    other = SegmentationModule({**MODEL, "instances": True}, {**THINGS, "things": ["grass"]}, DATA, {})
    with pytest.raises(CheckpointError, match=r"to tell roof apart, not grass: give objects=\[roof\], or start"):
        check_resumable(path, other)
    with pytest.raises(CheckpointError, match="holds only weights"):  # the same things are not what is refused
        check_resumable(path, panoptic_module())


def test_training_teaches_the_head(tmp_path: Path) -> None:
    """Where every pixel of a thing is labeled, the error of the offsets falls."""
    module = panoptic_module(optimizer={"name": "adamw", "lr": 1e-3})
    mask = torch.zeros(2, 32, 32, dtype=torch.long)
    instances = torch.zeros(2, 32, 32, dtype=torch.int32)
    for number, (top, left) in enumerate([(2, 2), (2, 14), (18, 8)], 1):
        mask[:, top : top + 11, left : left + 11] = 1
        instances[:, top : top + 11, left : left + 11] = number
    image = mask[:, None].repeat(1, 3, 1, 1).float()
    batch = {"image": image, "mask": mask, "instances": instances, "id": ["a", "b"]}
    assert module.instance_loss is not None

    def loss() -> torch.Tensor:
        planes = module(image)[:, 3:]
        return torch.as_tensor(module.instance_loss(planes, batch["mask"], batch["instances"]))  # type: ignore[misc]

    before, optimizer = loss().item(), torch.optim.AdamW(module.parameters(), lr=3e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.5 * before


def test_batches_without_instance_maps_train_the_classes(tmp_path: Path) -> None:
    module = panoptic_module(optimizer={"name": "adamw", "lr": 1e-3})
    before = [
        parameter.clone() for parameter in module.network.get_submodule("segmentation_head.instances").parameters()
    ]
    fit(tmp_path, module=module)
    after = module.network.get_submodule("segmentation_head.instances").parameters()
    assert all(torch.allclose(old, new, rtol=1e-3) for old, new in zip(before, after, strict=True))
