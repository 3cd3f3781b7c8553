from gateway_service.storage.steady_clock import SETTLE_SECONDS, SteadyClock

DAY = 86_400.0


class Clocks:
    """A wall clock that can be set, and elapsed time that cannot."""

    def __init__(self) -> None:
        self.elapsed, self.step = 1000.0, 0.0
        self.steady = SteadyClock(lambda: self.true_time() + self.step, lambda: self.elapsed)

    def true_time(self) -> float:
        return 2_000_000_000.0 + self.elapsed

    def error_after(self, seconds: float) -> float:
        """Let time pass. The steady clock's error in seconds."""
        self.elapsed += seconds
        return self.steady.seconds() - self.true_time()


def test_short_step_is_ignored() -> None:
    clocks = Clocks()
    for amount in (8 * DAY, -8 * DAY):
        clocks.step = amount
        assert clocks.error_after(5) == 0
        clocks.step = 0
        assert clocks.error_after(5) == 0


def test_lasting_step_is_followed() -> None:
    clocks = Clocks()
    clocks.step = 8 * DAY
    assert clocks.error_after(1) == 0
    assert clocks.error_after(SETTLE_SECONDS - 1) == 0
    assert clocks.error_after(1) == 8 * DAY


def test_two_short_steps_do_not_add_up() -> None:
    clocks = Clocks()
    for _ in range(2):
        clocks.step = 8 * DAY
        assert clocks.error_after(1) == 0
        assert clocks.error_after(SETTLE_SECONDS - 1) == 0
        clocks.step = 0
        assert clocks.error_after(1) == 0


def test_drift_is_followed() -> None:
    clocks = Clocks()
    for _ in range(10):
        clocks.step += 4
        assert clocks.error_after(100) == clocks.step
