import signal
from collections.abc import Iterator

import pytest

from shared import stop_signals
from shared.stop_signals import (
    STOP_SIGNALS,
    StopSignal,
    StopSignalOnce,
    raise_on_stop_signals,
    stop_signals_held,
)


def stop_once() -> StopSignalOnce:
    stop = StopSignalOnce()
    stop.install()
    return stop


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_stop_signal_exits_with_its_number(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)  # the parent process may ignore it
    raise_on_stop_signals()

    with pytest.raises(StopSignal) as raised:
        signal.raise_signal(number)

    assert raised.value.code == 128 + number


def test_program_under_nohup_survives_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_on_stop_signals()

    signal.raise_signal(signal.SIGHUP)


def test_held_signal_acts_at_the_end_of_the_block() -> None:
    raise_on_stop_signals()
    reached: list[str] = []

    def hold() -> None:
        with stop_signals_held() as held:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            reached.append(f"held {len(held)}")

    with pytest.raises(StopSignal) as raised:
        hold()

    assert reached == ["held 2"]
    assert raised.value.code == 128 + signal.SIGTERM


def test_handlers_are_restored_after_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with stop_signals_held():
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


def test_only_the_first_signal_is_raised() -> None:
    raise_on_stop_signals()
    before = signal.getsignal(signal.SIGTERM)
    stop = stop_once()

    with pytest.raises(StopSignal) as raised:
        signal.raise_signal(signal.SIGTERM)
    for number in STOP_SIGNALS:
        signal.raise_signal(number)
    stop.restore()

    assert raised.value.code == 128 + signal.SIGTERM
    assert not stop.is_impatient
    assert signal.getsignal(signal.SIGTERM) == before


def test_later_signal_is_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    raise_on_stop_signals()
    stop = stop_once()
    with pytest.raises(StopSignal):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(stop_signals, "MAX_BURST_SECONDS", -1)
    signal.raise_signal(signal.SIGINT)
    stop.restore()

    assert stop.is_impatient


def test_held_first_signal_acts_at_the_end() -> None:
    raise_on_stop_signals()
    stop = stop_once()
    stop.hold()

    signal.raise_signal(signal.SIGTERM)
    assert stop.is_impatient
    with pytest.raises(StopSignal):
        stop.restore()


def test_signal_with_the_default_handler_is_raised() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    stop = stop_once()

    with pytest.raises(StopSignal):
        signal.raise_signal(signal.SIGTERM)
    stop.restore()
