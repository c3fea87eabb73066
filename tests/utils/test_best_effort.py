import pytest

from segdrone.utils.best_effort import BestEffort

FULL = OSError(28, "No space left on device")


def test_first_failure_is_a_warning_and_other_errors_are_raised(caplog: pytest.LogCaptureFixture) -> None:
    best_effort = BestEffort("figures/")
    for _ in range(2):
        with best_effort():
            raise FULL
    assert caplog.messages == [
        "figures/ cannot be written (No space left on device): the run goes on without; free some disk space"
    ]
    with pytest.raises(ValueError, match="mine"), best_effort():
        raise ValueError("mine")
