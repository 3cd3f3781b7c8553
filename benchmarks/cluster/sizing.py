"""`python -m benchmarks.cluster.sizing`: the sizing tables of docs/deploy-cluster.md."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

Lines = Callable[[], Iterator[str]]

UTILISATION = 0.7
"""Share of a core in use at the peak; above it, requests wait long for one another."""
CORES = 4  # of a machine
LISTENERS = (20, 100, 500)
PRICES = {"cloud, on demand": 0.05, "cloud, spare capacity": 0.015, "rented server": 0.007}
"""US dollars for a core and an hour: the order of size of such offers in 2026."""
GATEWAY, PROXY = 0.011, 0.014
"""CPU seconds for a second of speech, of the gateway and of Ray's proxy."""


@dataclass(frozen=True)
class Setup:
    """Two networks, and CPU seconds that they take for a second of speech."""

    name: str
    synthesizer: float
    vocoder: float

    @property
    def seconds(self) -> float:
        return self.synthesizer + self.vocoder + GATEWAY + PROXY

    @property
    def hours(self) -> float:
        """Hours of speech that one core makes in an hour."""
        return UTILISATION / self.seconds

    def replicas(self, listeners: int) -> dict[str, int]:
        """A replica computes on one core. Ray runs a proxy on each machine besides."""
        return {
            "synthesizer": _cores(listeners * self.synthesizer),
            "vocoder": _cores(listeners * self.vocoder),
            "gateway": _cores(listeners * GATEWAY),
        }

    def machines(self, listeners: int) -> int:
        return math.ceil(_cores(listeners * self.seconds) / CORES)


# `benchmarks.cluster` measured the first setup; docs/benchmarks.md the other two networks.
SETUPS = (
    Setup("bundled synthesizer, Vocos", 0.017, 0.029),
    Setup("full-size synthesizer, Vocos", 0.074, 0.029),
    Setup("bundled synthesizer, WaveRNN", 0.017, 0.21),
)


def _cores(busy: float) -> int:
    return math.ceil(busy / UTILISATION)


def capacity_table() -> Iterator[str]:
    """Machines and replicas, in Markdown."""
    yield "| setup | listeners at once | synthesizer | vocoder | gateway | machines of 4 cores |"
    yield "|---|---:|---:|---:|---:|---:|"
    for setup in SETUPS:
        for listeners in LISTENERS:
            counts = " | ".join(str(count) for count in setup.replicas(listeners).values())
            yield f"| {setup.name} | {listeners} | {counts} | {setup.machines(listeners)} |"


def cost_table() -> Iterator[str]:
    """Speech hours and their cost, in Markdown."""
    names = " | ".join(f"{name}, {price * 100:g} ¢" for name, price in PRICES.items())
    yield f"| setup | s/s | speech hours an hour, a core | of 4 cores | {names} |"
    yield "|---|---:|---:|---:|" + "---:|" * len(PRICES)
    for setup in SETUPS:
        cents = " | ".join(f"{price * 100 / setup.hours:.2f} ¢" for price in PRICES.values())
        hours = f"{setup.hours:.1f} | {setup.hours * CORES:.0f}"
        yield f"| {setup.name} | {setup.seconds:.3f} | {hours} | {cents} |"


@click.command()
def main() -> None:
    """Print both tables."""
    for line in [*capacity_table(), "", *cost_table()]:
        click.echo(line)


if __name__ == "__main__":
    main()
