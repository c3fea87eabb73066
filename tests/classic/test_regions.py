import numpy as np

from segdrone.classic.regions import connected_segments


def test_equal_values_apart_are_two_segments() -> None:
    values = np.array([[5, 5, 0, 5], [5, 5, 0, 5]])
    assert connected_segments(values, 1).tolist() == [[0, 0, 1, 2], [0, 0, 1, 2]]


def test_small_segments_go_to_the_nearest() -> None:
    values = np.zeros((6, 9), int)
    values[:, 5:] = 1
    values[2, 2] = 7
    values[2, 7] = 7
    labels = connected_segments(values, 3)
    assert labels.max() == 1
    assert labels[2, 2] == labels[0, 0]
    assert labels[2, 7] == labels[0, 8]


def test_gaps_belong_to_the_nearest_segment() -> None:
    values = np.ones((3, 9), int)
    values[:, 3:5] = 0
    assert connected_segments(values, 1, gaps=0)[1].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_the_largest_stays_where_all_are_small() -> None:
    assert connected_segments(np.array([[0, 0, 1]]), 100).tolist() == [[0, 0, 0]]
    assert connected_segments(np.zeros((2, 2), int), 1, gaps=0).tolist() == [[0, 0], [0, 0]]
