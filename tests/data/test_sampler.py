"""Order, seeds and distribution of samples."""

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


def test_each_sample_has_its_own_seed() -> None:
    seeds = [draw.seed for draw in draws()]
    assert len(set(seeds)) == 50
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_epochs_differ_in_order_and_seeds() -> None:
    first, second = draws(0), draws(1)
    assert [draw.index for draw in first] != [draw.index for draw in second]
    assert not {draw.seed for draw in first} & {draw.seed for draw in second}


def test_the_same_seed_and_epoch_draw_the_same() -> None:
    sampler = SeededDistributedSampler(50, seed=42, shuffle=True)
    assert list(sampler) == list(sampler) == draws(0)
    sampler.set_epoch(5)
    assert list(sampler) == draws(5)


def test_seed_0_is_a_seed_like_any_other() -> None:
    assert draws(seed=0) == draws(seed=0)
    assert draws(seed=0) != draws(seed=1)
    assert [draw.index for draw in draws(seed=0)] != list(range(50))


def test_seed_and_epoch_are_not_interchangeable() -> None:
    assert draws(1, seed=0) != draws(0, seed=1)


def test_without_shuffling_order_and_seeds_stay() -> None:
    first = draws(0, shuffle=False)
    assert [draw.index for draw in first] == list(range(50))
    assert draws(7, shuffle=False) == first


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 5), st.integers(0, 3), st.integers(0, 99), st.booleans())
def test_batches_of_all_processes_together_are_the_batch_of_one_process(
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


SHAPES = [[(2, 3), (3, 2), (4, 4)][index % 5 % 3] for index in range(31)]


def shape_batches(epoch: int, batch: int = 4, world: int = 1, *, shuffle: bool = True) -> list[list[SampleIndex]]:
    """The batches of all processes together, of samples of `SHAPES`."""
    drawn = []
    for rank in range(world):
        sampler = SeededDistributedSampler(
            31, seed=1, shuffle=shuffle, processes=(rank, world), shapes=SHAPES, batch_size=batch
        )
        sampler.set_epoch(epoch)
        drawn.append(list(sampler))
    turns = [draw for turn in zip(*drawn, strict=True) for draw in turn if not draw.padding]
    return [turns[first : first + batch * world] for first in range(0, len(turns), batch * world)]


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_hold_one_shape_as_far_as_it_fills_them(world: int, shuffle: bool) -> None:
    batches = shape_batches(0, 4 // world, world, shuffle=shuffle)
    assert sorted(draw.index for batch in batches for draw in batch) == list(range(31))
    assert sum(len({SHAPES[draw.index] for draw in batch}) > 1 for batch in batches) <= 2  # where the shape changes
    assert [len(batch) for batch in batches] == [4] * 7 + [3]


def test_batches_of_several_shapes_are_shuffled_and_depend_on_the_seed_and_epoch_only() -> None:
    first, second = shape_batches(0), shape_batches(1)
    assert first == shape_batches(0) and first != second
    for batches in (first, second):
        assert sorted(draw.index for batch in batches for draw in batch) == list(range(31))
    orders = [[SHAPES[batch[0].index] for batch in shape_batches(epoch)] for epoch in range(6)]
    assert len({tuple(order) for order in orders}) > 1  # not always the same shape first


def test_each_sample_keeps_its_seed_when_shapes_are_grouped() -> None:
    plain = SeededDistributedSampler(31, seed=1, shuffle=True)
    assert {*plain} == {draw for batch in shape_batches(0) for draw in batch}


def test_one_shape_changes_nothing() -> None:
    alike = SeededDistributedSampler(50, seed=42, shuffle=True, shapes=[(2, 3)] * 50, batch_size=3)
    assert list(alike) == draws(0)


def test_the_launcher_is_asked_for_the_processes() -> None:
    assert len(SeededDistributedSampler(7, seed=0, shuffle=False)) == 7
    assert len(SeededDistributedSampler(7, seed=0, shuffle=False, processes=(0, 2))) == 4


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.integers(1, 4))
def test_each_photograph_is_drawn_by_one_process_and_all_draw_equally_many(tiles: list[int], world: int) -> None:
    ids = [f"p{number}" for number, count in enumerate(tiles) for _ in range(count)]
    samplers = [GroupedSampler(ids, processes=(rank, world)) for rank in range(world)]
    drawn = [list(sampler) for sampler in samplers]
    assert {len(one) for one in drawn} == {len(samplers[0])}
    real = [[draw.index for draw in one if not draw.padding] for one in drawn]
    assert sorted(index for one in real for index in one) == list(range(len(ids)))
    for one in real:
        assert one == sorted(one)
        assert not {ids[i] for i in one} & {ids[i] for other in real if other is not one for i in other}
    assert all(not draw.padding for one, indices in zip(drawn, real, strict=True) for draw in one[: len(indices)])
