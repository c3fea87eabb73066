import pytest
import torch

from segdrone.errors import ConfigError
from segdrone.model.optimisation import build_optimizer, build_scheduler


def _weights() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.zeros(1))]


def test_one_cycle_rises_to_the_given_rate_and_falls_to_almost_nothing() -> None:
    optimizer = build_optimizer(_weights(), "adamw", lr=0.1, weight_decay=0.0)
    scheduler = build_scheduler(optimizer, "onecycle", steps=100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(rates) < 100 else None
    assert max(rates) == pytest.approx(0.1)
    assert 25 < rates.index(max(rates)) < 35
    assert rates[-1] < 1e-5


def test_constant_stays() -> None:
    optimizer = build_optimizer(_weights(), "sgd", lr=0.1)
    scheduler = build_scheduler(optimizer, "constant", steps=100)
    for _ in range(20):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [("adam9", {}, "optimizer.name=adam9"), ("adamw", {"speed": 1}, "speed"), ("adamw", {"lr": -1.0}, "learning rate")],
)
def test_what_the_optimizer_does_not_take_is_named(name: str, options: dict[str, float], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        build_optimizer(_weights(), name, **options)


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ConfigError, match="scheduler.name=twocycle"):
        build_scheduler(build_optimizer(_weights(), "sgd"), "twocycle", steps=1)
