from __future__ import annotations

from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdrone.data.sampler import GroupedSampler, SampleIndex, SeededDistributedSampler


def draws(epoch: int = 0, *, length: int = 50, seed: int = 42, shuffle: bool = True) -> list[SampleIndex]:
    sampler = SeededDistributedSampler(length, seed=seed, shuffle=shuffle)
    sampler.set_epoch(epoch)
    assert len(sampler) == length
    return list(sampler)


@pytest.mark.parametrize("length", [1, 2, 50])
@pytest.mark.parametrize("epoch", [0, 3])
def test_every_sample_is_drawn_once(length: int, epoch: int) -> None:
    assert sorted(draw.index for draw in draws(epoch, length=length)) == list(range(length))


def test_samples_have_seeds_of_their_own() -> None:
    seeds = [draw.seed for draw in draws()]
    assert len(set(seeds)) == 50
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_epochs_differ_in_order_and_seeds() -> None:
    first, second = draws(0), draws(1)
    assert [draw.index for draw in first] != [draw.index for draw in second]
    assert not {draw.seed for draw in first} & {draw.seed for draw in second}


def test_same_seed_and_epoch_draw_the_same() -> None:
    sampler = SeededDistributedSampler(50, seed=42, shuffle=True)
    assert list(sampler) == list(sampler) == draws(0)
    sampler.set_epoch(5)
    assert list(sampler) == draws(5)


def test_seed_0_is_a_seed_like_any_other() -> None:
    assert draws(seed=0) == draws(seed=0)
    assert draws(seed=0) != draws(seed=1)
    assert [draw.index for draw in draws(seed=0)] != list(range(50))


def test_seed_and_epoch_do_not_stand_for_one_another() -> None:
    assert draws(1, seed=0) != draws(0, seed=1)


def test_unshuffled_order_and_seeds_stay() -> None:
    first = draws(0, shuffle=False)
    assert [draw.index for draw in first] == list(range(50))
    assert draws(7, shuffle=False) == first


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 5), st.integers(0, 3), st.integers(0, 99), st.booleans())
def test_the_batches_of_all_processes_are_together_the_batch_of_one(
    length: int, batch: int, world: int, epoch: int, seed: int, shuffle: bool
) -> None:
    def batches(processes: tuple[int, int], size: int) -> list[tuple[SampleIndex, ...]]:
        sampler = SeededDistributedSampler(length, seed=seed, shuffle=shuffle, processes=processes)
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert len(drawn) == len(sampler)
        return [tuple(drawn[first : first + size]) for first in range(0, len(drawn), size)]

    alone = batches((0, 1), batch * world)
    shares = [batches((rank, world), batch) for rank in range(world)]
    assert {len(share) for share in shares} == {len(alone)}
    for one, *together in zip(alone, *shares, strict=True):
        turns = [draw for turn in zip_longest(*together) for draw in turn if draw is not None]
        assert [draw for draw in turns if not draw.padding] == list(one)
        assert len({len(share) for share in together}) == 1
    assert not any(draw.padding for batch in shares[0] for draw in batch)


def test_a_process_asks_for_its_share_when_it_is_alone() -> None:
    assert len(SeededDistributedSampler(7, seed=0, shuffle=False)) == 7
    assert len(SeededDistributedSampler(7, seed=0, shuffle=False, processes=(0, 2))) == 4


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.integers(1, 4))
def test_each_photograph_is_drawn_whole_by_one_process_and_all_draw_as_many(tiles: list[int], world: int) -> None:
    ids = [f"p{number}" for number, count in enumerate(tiles) for _ in range(count)]
    samplers = [GroupedSampler(ids, processes=(rank, world)) for rank in range(world)]
    drawn = [list(sampler) for sampler in samplers]
    assert {len(one) for one in drawn} == {len(samplers[0])}
    real = [[draw.index for draw in one if not draw.padding] for one in drawn]
    assert sorted(place for one in real for place in one) == list(range(len(ids)))
    for one in real:
        assert one == sorted(one)
        assert not {ids[place] for place in one} & {ids[place] for other in real if other is not one for place in other}
    assert all(not draw.padding for one, places in zip(drawn, real, strict=True) for draw in one[: len(places)])
