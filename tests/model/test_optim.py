import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from segdrone.errors import ConfigError
from segdrone.model.networks import build_network
from segdrone.model.optim import build_optimizer, build_scheduler

STEPS = 100


def _optimizer(name: str = "sgd", **options: Any) -> Optimizer:
    module = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False))
    return build_optimizer(module, module[0], name, **options)


def _rates(name: str, group: int = 1, steps: int = STEPS, **options: Any) -> list[float]:
    optimizer = _optimizer(lr=0.1, encoder_lr=0.01)
    scheduler = build_scheduler(optimizer, name, steps=steps, **options)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[group]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_the_encoder_is_a_group_with_its_own_rate() -> None:
    encoder, decoder = _optimizer(lr=0.1, encoder_lr=0.01).param_groups
    assert (encoder["name"], len(encoder["params"]), encoder["lr"]) == ("encoder", 2, 0.01)
    assert (decoder["name"], len(decoder["params"]), decoder["lr"]) == ("decoder", 1, 0.1)
    assert [group["lr"] for group in _optimizer(lr=0.1).param_groups] == [0.1, 0.1]


def test_one_cycle_rises_to_the_given_rate_and_falls_to_almost_zero() -> None:
    rates = _rates("onecycle")
    assert max(rates) == pytest.approx(0.1)
    assert 25 < rates.index(max(rates)) < 35
    assert rates[-1] < 1e-5
    assert 5 < _rates("onecycle", pct_start=0.1).index(max(rates)) < 15


def test_poly_falls_by_its_formula() -> None:
    assert _rates("poly", power=0.9) == pytest.approx([0.1 * (1 - step / STEPS) ** 0.9 for step in range(STEPS)])


def test_cosine_warms_up_linearly_and_falls_along_half_a_cosine() -> None:
    rates = _rates("cosine", warmup=0.1)
    assert rates[:11] == pytest.approx([0.1 * step / 11 for step in range(1, 12)])
    assert rates[10:] == pytest.approx([0.05 * (1 + math.cos(math.pi * step / 90)) for step in range(90)])


def test_constant_stays() -> None:
    assert set(_rates("constant")) == {0.1}


@pytest.mark.parametrize(
    ("name", "options"), [("onecycle", {}), ("poly", {"power": 0.9}), ("cosine", {"warmup": 0.1}), ("constant", {})]
)
def test_each_group_starts_from_its_own_rate(name: str, options: dict[str, Any]) -> None:
    encoder, decoder = (_rates(name, group, **options) for group in (0, 1))
    assert encoder == pytest.approx([rate / 10 for rate in decoder])
    assert max(decoder) == pytest.approx(0.1)


@pytest.mark.parametrize(("name", "options"), [("adamw", {}), ("sgd", {"momentum": 0.9})])
def test_the_fused_step_is_the_plain_one(name: str, options: dict[str, float]) -> None:
    """In torch 2.15 a fused step on CPU is silently wrong where a gradient and its weight have different strides."""
    torch.manual_seed(0)
    plain = build_network("unet", encoder_name="mobilenet_v2", classes=3)
    plain(torch.randn(2, 3, 32, 32)).square().mean().backward()
    fused = deepcopy(plain)
    for mine, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        mine.grad = theirs.grad
    for network in (plain, fused):
        encoder: Any = network.encoder
        optimizer = build_optimizer(network, encoder, name, lr=1e-2, fused=network is fused, **options)
        for _ in range(3):
            optimizer.step()
    for mine, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: _optimizer("adam9"), "optimizer.name=adam9"),
        (lambda: _optimizer("adamw", speed=1), "speed"),
        (lambda: _optimizer("adamw", lr=-1.0), "learning rate"),
        (lambda: _optimizer("adamw", encoder_lr=-1.0), "optimizer.encoder_lr=-1.0 must be 0 or more"),
        (lambda: _rates("twocycle"), "scheduler.name=twocycle"),
        (lambda: _rates("poly", height=1), "scheduler poly.*height"),
        (lambda: _rates("poly", power=-1), "power=-1 must be 0 or more"),
        (lambda: _rates("cosine", warmup=2), "warmup=2 must be from 0 to 1"),
        (lambda: _rates("onecycle", pct_start=2.0), "scheduler onecycle.*pct_start"),
        (lambda: _rates("onecycle", steps=10, pct_start=0.1), "scheduler onecycle.*division by zero"),
        (lambda: build_scheduler(_optimizer(), "cosine", steps=math.inf, warmup=0.1), "needs an end.*max_epochs"),
    ],
)
def test_invalid_options_are_named_in_the_error(make: Callable[[], object], part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_constant_rate_needs_no_end() -> None:
    assert build_scheduler(_optimizer(lr=0.1), "constant", steps=math.inf).get_last_lr() == [0.1, 0.1]
