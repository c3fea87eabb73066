"""Make the threads of OpenMP, which torch computes with on CPU, sleep while they wait for work."""

from __future__ import annotations

import os


def sleep_while_waiting() -> None:
    """Sets `OMP_WAIT_POLICY=PASSIVE`, unless the user has set it. Has an effect only before torch is imported.

    By default the threads spin for milliseconds: they take the cores from decoding and blending between two windows,
    and from other programs. On a machine whose cores are busy with others, a forward pass of the tutorial's network
    then takes twice as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
