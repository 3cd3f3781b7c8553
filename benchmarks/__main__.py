"""`python -m benchmarks`: all measurements in one run, as tables and optionally as JSON."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from benchmarks import (
    first_sound,
    gemm,
    json_hop,
    memory,
    sample_loop,
    speech,
    stages,
    startup,
    synthesis,
    vocoding,
)
from benchmarks.machine import conclude, load_average, machine_facts
from benchmarks.results import Table
from benchmarks.weights import write_full_size
from shared.settings import REPOSITORY

NAMES = [
    *("stages", "speech", "first-sound", "memory", "startup", "json"),
    *("loop", "gemm-efficiency", "vocoding", "synthesis"),
]
BUNDLED = REPOSITORY / "checkpoints"


@click.command()
@click.option("--quick", is_flag=True, help="Fewer runs, smaller requests, bundled weights.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="May be given repeatedly.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="Write the numbers to a file too.",
)
def main(quick: bool, only: tuple[str, ...], json_path: Path | None) -> None:
    """Measure Better API's time and memory on this machine."""
    facts = machine_facts() | {"load average before": load_average()}
    for name, fact in facts.items():
        click.echo(f"{name:20} {fact}")
    tables = {"gemm": _shown(gemm.measure(runs=3 if quick else 9))}
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in _measurements(quick, only, Path(folder)).items():
            tables[name] = _shown(measure())
    conclude(facts, tables, json_path)


def _measurements(
    quick: bool, only: tuple[str, ...], folder: Path
) -> dict[str, Callable[[], Table]]:
    """The chosen measurements by name. folder: an empty one, for the full-size weights."""
    chosen = only or NAMES
    weights = {"bundled": BUNDLED}
    if not quick and {"memory", "startup"} & set(chosen):
        write_full_size(folder)
        weights["full-size"] = folder
    measurements: dict[str, Callable[[], Table]] = {
        "stages": partial(stages.measure, 1 if quick else 3, quick),
        "speech": partial(speech.measure, 1 if quick else 3, quick),
        "first-sound": partial(first_sound.measure, 1 if quick else 9, quick),
        "memory": partial(memory.measure, 1 if quick else 2, weights, quick),
        "startup": partial(startup.measure, 1 if quick else 3, weights),
        "json": partial(json_hop.measure, 3 if quick else 21),
        "loop": partial(sample_loop.measure, 1 if quick else 5, quick),
        "gemm-efficiency": partial(gemm.measure_efficiency, 1 if quick else 9, quick),
        "vocoding": partial(vocoding.measure, 1 if quick else 3, quick),
        "synthesis": partial(synthesis.measure, 1 if quick else 5, quick),
    }
    return {name: measurements[name] for name in NAMES if name in chosen}


def _shown(table: Table) -> Table:
    click.echo()
    for line in table.lines():
        click.echo(line)
    return table


if __name__ == "__main__":
    main()
