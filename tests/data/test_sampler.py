from __future__ import annotations

import pytest

from segdrone.data.sampler import Draw, EpochSampler


def draws(epoch: int = 0, *, length: int = 50, seed: int = 42, shuffle: bool = True) -> list[Draw]:
    sampler = EpochSampler(length, seed=seed, shuffle=shuffle)
    sampler.set_epoch(epoch)
    assert len(sampler) == length
    return list(sampler)


@pytest.mark.parametrize("length", [1, 2, 50])
@pytest.mark.parametrize("epoch", [0, 3])
def test_every_sample_is_drawn_once(length: int, epoch: int) -> None:
    assert sorted(draw.place for draw in draws(epoch, length=length)) == list(range(length))


def test_samples_have_seeds_of_their_own() -> None:
    seeds = [draw.seed for draw in draws()]
    assert len(set(seeds)) == 50
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_epochs_differ_in_order_and_seeds() -> None:
    first, second = draws(0), draws(1)
    assert [draw.place for draw in first] != [draw.place for draw in second]
    assert not {draw.seed for draw in first} & {draw.seed for draw in second}


def test_same_seed_and_epoch_draw_the_same() -> None:
    sampler = EpochSampler(50, seed=42, shuffle=True)
    assert list(sampler) == list(sampler) == draws(0)
    sampler.set_epoch(5)
    assert list(sampler) == draws(5)


def test_seed_0_is_a_seed_like_any_other() -> None:
    assert draws(seed=0) == draws(seed=0)
    assert draws(seed=0) != draws(seed=1)
    assert [draw.place for draw in draws(seed=0)] != list(range(50))


def test_seed_and_epoch_do_not_stand_for_one_another() -> None:
    assert draws(1, seed=0) != draws(0, seed=1)


def test_unshuffled_order_and_seeds_stay() -> None:
    first = draws(0, shuffle=False)
    assert [draw.place for draw in first] == list(range(50))
    assert draws(7, shuffle=False) == first
