import numpy as np

from segdrone.figures import outline_things


def test_chosen_things_are_outlined_in_colors_and_others_in_white() -> None:
    picture, numbers = np.full((60, 120, 3), 50, np.uint8), np.zeros((60, 120), np.uint16)
    for left, number in ((5, 3), (45, 9), (85, 65535)):
        numbers[10:50, left : left + 30] = number
    drawn = outline_things(picture, numbers, [9, 3])
    assert (picture == 50).all()
    assert drawn[12:48, 85].tolist() == [[255, 255, 255]] * 36
    assert drawn[10, 60].tolist() == [230, 159, 0] and drawn[10, 15].tolist() == [86, 180, 233]
    middles = [drawn[25:35, left + 10 : left + 20] for left in (5, 45, 85)]
    assert [bool((middle == 255).any()) for middle in middles] == [True, True, False]  # numbered
    alone = outline_things(picture, numbers, [9])
    assert (alone[25:35, 55:65] == 50).all()
