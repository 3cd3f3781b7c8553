"""The benchmarks' rows have the right form; their numbers depend on the machine."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from click.testing import CliRunner
from torch.distributions import Categorical

from benchmarks import plain_wavernn
from benchmarks.__main__ import main
from benchmarks.loads import ordinary
from benchmarks.plain_wavernn import PlainLoop
from benchmarks.results import Row, Table
from benchmarks.services import running
from benchmarks.weights import servings, write_full_size
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN

ROWS_OF_A_HOP = {
    "whole request": "ms",
    "CPU time of the server": "ms",
    "parse": "ms",
    "check": "ms",
    "serialise": "ms",
    "plain json + pydantic": "ms",
    "plain / whole request": "×",
}


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """The printed and the written output."""
    path = tmp_path_factory.mktemp("benchmarks") / "bench.json"
    options = ["--quick", "--only", "json", "--only", "loop", "--json", str(path)]
    result = CliRunner().invoke(main, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output, json.loads(path.read_text())


def rows(content: dict[str, Any], table: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in content["tables"][table]["rows"]}


def test_machine_facts_come_first(quick_run: tuple[str, dict[str, Any]]) -> None:
    output, content = quick_run
    assert output.startswith("CPU ")
    assert set(content["machine"]) >= {"CPU", "cores usable", "SIMD", "memory", "torch"}
    assert rows(content, "gemm")["fp32 GEMM 1024x1024, 1 thread"]["unit"] == "GFLOP/s"


def test_load_average_frames_the_run(quick_run: tuple[str, dict[str, Any]]) -> None:
    output, content = quick_run
    for moment in ("load average before", "load average after"):
        assert len(content["machine"][moment].split()) == 3
    assert output.rstrip().splitlines()[-1].startswith("Compare ratios")


def test_only_chosen_tables_are_measured(quick_run: tuple[str, dict[str, Any]]) -> None:
    assert list(quick_run[1]["tables"]) == ["gemm", "json", "loop"]


def test_each_hop_has_its_rows(quick_run: tuple[str, dict[str, Any]]) -> None:
    json_rows = rows(quick_run[1], "json")
    hops = {name.partition(": ")[0] for name in json_rows}
    assert hops >= {"wav in, wav out", "mel in, wav out"}
    for hop in hops:
        assert {name: json_rows[f"{hop}: {name}"]["unit"] for name in ROWS_OF_A_HOP} == (
            ROWS_OF_A_HOP
        )
        assert json_rows[f"{hop}: whole request"]["limit"] == 10


@pytest.mark.parametrize("size", ["bundled size", "full size"])
def test_loop_has_a_ratio_for_each_size(quick_run: tuple[str, dict[str, Any]], size: str) -> None:
    loop_rows = rows(quick_run[1], "loop")
    name = f"{size}, 1 thread"
    ratio = loop_rows[f"{name}: plain / torch"]
    ours, plain = (loop_rows[f"{name}: {loop}"] for loop in ("torch", "plain loop"))
    assert ratio["unit"] == "×"
    assert math.isclose(ratio["median"], plain["median"] / ours["median"])


def test_every_row_is_printed_with_median_and_range(
    quick_run: tuple[str, dict[str, Any]],
) -> None:
    output, content = quick_run
    for table in content["tables"].values():
        for row in table["rows"]:
            assert row["name"] in output
            assert 0 <= row["min"] <= row["median"] <= row["max"]


def test_table_shows_median_range_unit_and_limit() -> None:
    table = Table("Peak memory", "a note", [Row("at start", "MB", [301.4, 299, 310], limit=450)])
    title, _, line = table.lines()
    assert title == "Peak memory: a note"
    assert line.split() == ["at", "start", "301", "299", "310", "MB", "450"]


def test_table_lists_what_was_skipped() -> None:
    table = Table("Speech", "a note", [Row("ours", "s/s", [1])], ["Piper, which needs piper"])
    assert [*table.lines()][-1] == "  skipped: Piper, which needs piper"
    assert table.to_dict()["skipped"] == ["Piper, which needs piper"]


def test_row_shows_as_many_digits_as_it_says() -> None:
    line = [*Table("", "", [Row("nats", "nat", [3.676721], digits=6)]).lines()][-1]
    assert line.split()[1:] == ["3.67672"] * 3 + ["nat"]


def test_vocoder_is_measured_with_each_network_that_has_weights(tmp_path: Path) -> None:
    bundled, full_size = (tmp_path / name for name in ("bundled", "full-size"))
    for folder in (bundled / "encoder", bundled / "vocos", full_size / "vocoder"):
        folder.mkdir(parents=True)
    found = servings({"bundled": bundled, "full-size": full_size})
    assert [(serving.name, serving.service, dict(serving.settings)) for serving in found] == [
        ("encoder, bundled", "encoder", {}),
        ("vocoder (vocos), bundled", "vocoder", {"VOCODER": "vocos"}),
        ("vocoder (wavernn), full-size", "vocoder", {"VOCODER": "wavernn"}),
    ]


def test_unknown_measurement_is_refused() -> None:
    result = CliRunner().invoke(main, ["--only", "nonsense"])
    assert result.exit_code == 2
    assert "stages" in result.output


def test_plain_loop_draws_each_sample_from_the_model() -> None:
    """It is the yardstick, so it must do all of the work."""
    torch.manual_seed(0)
    model = WaveRNN(Hparams(rnn_dims=24, fc_dims=24)).eval()
    mel = torch.rand(3, 80, 2 + 4) * 2 - 1
    drawn_from = []

    def recorded(probabilities: torch.Tensor) -> Categorical:
        drawn_from.append(probabilities)
        return Categorical(probabilities)

    with patch.object(plain_wavernn, "Categorical", recorded):
        wave = PlainLoop(model).generate(mel, samples=400)
    fed = torch.cat([torch.zeros(3, 1), wave[:, :-1]], dim=1)
    with torch.no_grad():
        expected = model(fed, mel).log_softmax(dim=2)
    torch.testing.assert_close(torch.stack(drawn_from, dim=1).log(), expected, atol=1e-5, rtol=0)
    assert wave.std() > 0.3  # nearly even probabilities give samples of all sizes


def test_run_leaves_torch_threads_alone(quick_run: tuple[str, dict[str, Any]]) -> None:
    assert torch.get_num_threads() == 1


def test_random_weights_that_cannot_speak_are_measured(tmp_path: Path) -> None:
    """Each attempt's attention fails, and a service answers so."""
    write_full_size(tmp_path)
    load = ordinary("synthesizer")
    with running(["synthesizer"], tmp_path, {"MAX_ATTEMPTS": "1"}) as services:
        url = services.urls["synthesizer"]
        load.send(url)
        with pytest.raises(RuntimeError, match="speech_failed"):
            replace(load, accepted_error=None).send(url)
