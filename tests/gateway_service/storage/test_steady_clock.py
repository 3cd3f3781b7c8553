from gateway_service.storage.steady_clock import SETTLE_SECONDS, SteadyClock

DAY = 86_400.0


class Clocks:
    """A wall clock that may be set, and time that goes on."""

    def __init__(self) -> None:
        self.elapsed, self.ahead = 1000.0, 0.0
        self.steady = SteadyClock(lambda: self.true() + self.ahead, lambda: self.elapsed)

    def true(self) -> float:
        return 2_000_000_000.0 + self.elapsed

    def passes(self, seconds: float) -> float:
        """What the steady clock is off then."""
        self.elapsed += seconds
        return self.steady.seconds() - self.true()


def test_short_step_is_not_followed() -> None:
    clocks = Clocks()
    for step in (8 * DAY, -8 * DAY):
        clocks.ahead = step
        assert clocks.passes(5) == 0
        clocks.ahead = 0
        assert clocks.passes(5) == 0


def test_step_that_lasts_is_followed() -> None:
    clocks = Clocks()
    clocks.ahead = 8 * DAY
    assert clocks.passes(1) == 0
    assert clocks.passes(SETTLE_SECONDS - 1) == 0
    assert clocks.passes(1) == 8 * DAY


def test_two_short_steps_are_not_one_that_lasts() -> None:
    clocks = Clocks()
    for _ in range(2):
        clocks.ahead = 8 * DAY
        assert clocks.passes(1) == 0
        assert clocks.passes(SETTLE_SECONDS - 1) == 0
        clocks.ahead = 0
        assert clocks.passes(1) == 0


def test_clock_that_runs_fast_is_followed() -> None:
    clocks = Clocks()
    for _ in range(10):
        clocks.ahead += 4
        assert clocks.passes(100) == clocks.ahead
