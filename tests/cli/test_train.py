import sys
from pathlib import Path

import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

import training.data.teachers
import training.evaluation.recognition
import training.synthesizer.task
from cli.main import better
from cli.train import MAX_R, NETWORKS, SIZES
from cli.train_data import TEACHERS
from shared.checkpoints.reading import load
from synthesizer_service.tacotron import model
from tests.support.tiny_training import tiny_data, tiny_trainer
from tests.training.data.test_phrases import LONG, SAID, TRANSCRIPT
from training.data.clips import ClipFolder
from training.data.teachers import kokoro
from training.data.teachers.kokoro import Kokoro
from training.errors import TrainingError
from training.evaluation.recognition import HeardWord
from training.recipes import (
    SPEAKING_DROPOUT,
    SYNTHESIZER_SIZES,
    VOCODER_SIZES,
    VOCOS_SIZES,
    SynthesizerRecipe,
)
from vocoder_service.settings import NETWORK_NAMES


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(better, ["train", *map(str, arguments)])


def test_every_stage_has_a_command() -> None:
    result = run("--help")
    stages = (
        "data",
        "features",
        "listener",
        "synthesizer",
        "vocoder",
        "export",
        "evaluate",
        "copies",
    )
    for name in stages:
        assert f"\n  {name}" in result.output


def test_choices_are_those_that_there_are() -> None:
    assert sorted(TEACHERS) == sorted(training.data.teachers.TEACHERS)
    assert SIZES == [*SYNTHESIZER_SIZES] == [*VOCODER_SIZES] == [*VOCOS_SIZES]
    assert [*NETWORK_NAMES] == NETWORKS


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("data", "--seed=-1"),
        ("data", "--hours=0"),
        ("vocoder", "--threads=0"),
        ("vocoder", "--rate=-1"),
        ("vocoder", "--recorded=1.1"),
        ("evaluate", "--rounds=0"),
    ],
)
def test_number_out_of_range_is_refused(command: str, option: str) -> None:
    result = run(command, option)
    assert result.exit_code == 2
    assert f"Invalid value for '{option.partition('=')[0]}'" in result.stderr


@pytest.mark.parametrize("command", [["features"], ["data", "--variants"]])
def test_folder_without_clips_is_named(command: list[str], tmp_path: Path) -> None:
    result = run(*command, tmp_path / "mistyped")
    assert result.exit_code == 1
    assert "mistyped holds no clips; run `better train data` first" in result.stderr


def test_weights_that_are_missing_or_anothers_are_told_in_short(tmp_path: Path) -> None:
    data, start = tiny_data(tmp_path / "data", frames=40).folder, tmp_path / "start"
    missing = run("vocoder", data, tmp_path / "run", "--start", data)
    assert "data/state.pt is not there; give a run's folder" in missing.stderr
    tiny_trainer("synthesizer", ClipFolder(data), start, 1).run()
    others = run("vocoder", data, tmp_path / "run", "--start", start)
    assert others.exit_code == 1
    assert "of another size or model" in others.stderr
    assert len(others.stderr) < 600


@pytest.mark.parametrize("network", [["--network", "wavernn"], ["--adversarial-from", "1"]])
def test_run_says_where_it_goes_on_and_when_it_is_done(network: list[str], tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", frames=40).folder
    arguments: list[str | Path] = ["vocoder", data, tmp_path / "run", *network]
    arguments += ["--batch", "1", "--steps"]
    begun = run(*arguments, "1").output
    assert "goes on" not in begun
    assert f"all 1 steps are made and saved in {tmp_path / 'run'}" in begun
    assert "1 steps are made already" in run(*arguments, "1").output
    assert "goes on after step 1\n" in run(*arguments, "2").output


def test_table_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    result = run("evaluate", "--out", tmp_path / "missing" / "table.md")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_recordings_without_features_are_refused_by_the_trainers(tmp_path: Path) -> None:
    for network, command in (("wavernn", "features"), ("vocos", "data")):
        result = run("vocoder", tmp_path / "data", tmp_path / "run", "--network", network)
        assert result.exit_code == 1
        assert f"better train {command}" in result.stderr


@pytest.mark.parametrize("option", ["--adversarial-from=5", "--recorded=0.5"])
def test_option_of_one_network_is_refused_by_the_other(option: str, tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data").folder
    result = run("vocoder", data, tmp_path / "run", "--network", "wavernn", option)
    assert result.exit_code == 2
    assert f"{option.partition('=')[0]} is of --network vocos alone" in result.stderr


def test_vocoder_is_fine_tuned_on_mels_that_there_are(tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", frames=40).folder
    result = run("vocoder", data, tmp_path / "run", "--synthesized")
    assert result.exit_code == 1
    assert "no mels of a synthesizer; run `better train features" in result.stderr


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("synthesizer", tmp_path, tmp_path / "run")
    assert result.exit_code == 1
    assert "pip install -e '.[train]'" in result.stderr


def test_data_wants_one_source(tmp_path: Path) -> None:
    assert run("data", tmp_path).exit_code == 2
    both = run("data", tmp_path, "--text", __file__, "--recordings", tmp_path)
    assert "one of --text, --recordings" in both.stderr


@pytest.mark.parametrize("option", ["--split-at-pauses", "--punctuate"])
def test_editing_is_for_recordings(option: str, tmp_path: Path) -> None:
    result = run("data", tmp_path, "--text", __file__, option)
    assert result.exit_code == 2
    assert "are for --recordings" in result.stderr


def test_recordings_are_edited_with_the_recogniser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Listening:
        def __init__(self, name: str) -> None:
            assert name == "base"

        def words(self, wav: object) -> list[HeardWord]:
            return SAID

    monkeypatch.setattr(training.evaluation.recognition, "Recogniser", Listening)
    (tmp_path / "LJ" / "wavs").mkdir(parents=True)
    soundfile.write(tmp_path / "LJ" / "wavs" / "1.wav", LONG, 16_000)
    (tmp_path / "LJ" / "metadata.csv").write_text(f"1|{TRANSCRIPT}\n")
    source = ("--recordings", tmp_path / "LJ")
    result = run("data", tmp_path / "data", *source, "--split-at-pauses", "--punctuate")
    assert "of 1 recordings, 0.2 minutes, 2 clips" in result.output
    assert "new clips: 2, " in result.output


def test_most_frames_a_step_are_the_models() -> None:
    assert MAX_R == model.MAX_R


def test_styles_are_for_one_teacher(tmp_path: Path) -> None:
    text = tmp_path / "book.txt"
    text.write_text("The rain stopped before the evening came.")
    result = run("data", tmp_path, "--text", text, "--teacher", "joe", "--styles", tmp_path)
    assert result.exit_code == 2
    assert "Kokoro's" in result.stderr


def test_styles_reach_their_teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Path | None] = []

    class Recorded(Kokoro):
        def __init__(self, styles: Path | None = None) -> None:
            given.append(styles)
            raise TrainingError("no more is wanted")

    monkeypatch.setattr(kokoro, "Kokoro", Recorded)
    text = tmp_path / "book.txt"
    text.write_text("The rain stopped before the evening came.")
    result = run("data", tmp_path, "--text", text, "--styles", tmp_path)
    assert "no more is wanted" in result.stderr
    assert given == [tmp_path]


def test_listener_reaches_its_synthesizer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[object] = []

    def recorded(*arguments: object, listener: Path | None, **others: object) -> None:
        given.append(listener)
        raise TrainingError("no more is wanted")

    monkeypatch.setattr(training.synthesizer.task, "SynthesizerTask", recorded)
    run("synthesizer", tmp_path, tmp_path / "run", "--listener", tmp_path)
    run("synthesizer", tmp_path, tmp_path / "run")
    assert given == [tmp_path, None]


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[SynthesizerRecipe]:
    """Those that a synthesizer would have been trained by."""
    recipes: list[SynthesizerRecipe] = []

    def recorded(
        data: object, hparams: object, recipe: SynthesizerRecipe, **others: object
    ) -> None:
        recipes.append(recipe)
        raise TrainingError("no more is wanted")

    monkeypatch.setattr(training.synthesizer.task, "SynthesizerTask", recorded)
    return recipes


def test_options_change_the_recipe(recipes: list[SynthesizerRecipe], tmp_path: Path) -> None:
    run("synthesizer", tmp_path, tmp_path / "run", "--r", "2", "--steps", "7", "--batch", "3")
    run("synthesizer", tmp_path, tmp_path / "run", "--by-clip", "--recorded", "0.3")
    assert [(recipe.by_speaker, recipe.recorded) for recipe in recipes] == [
        (True, SynthesizerRecipe.recorded), (False, 0.3),
    ]  # fmt: skip
    assert [(recipe.r, recipe.pace.steps, recipe.batch) for recipe in recipes] == [
        (2, 7, 3),
        (SynthesizerRecipe.r, SynthesizerRecipe.pace.steps, SynthesizerRecipe.batch),
    ]


def test_frames_a_step_stay_what_they_were(
    recipes: list[SynthesizerRecipe], tmp_path: Path
) -> None:
    before = tmp_path / "before"
    start = tmp_path / "start.pt"
    tiny_trainer("synthesizer", tiny_data(tmp_path / "data"), before, 1).run()
    weights = torch.load(before / "state.pt")
    torch.save({"decoder.r": torch.tensor(3)}, start)
    run("synthesizer", tmp_path, before, "--start", start)
    run("synthesizer", tmp_path, tmp_path / "new", "--start", start)
    run("synthesizer", tmp_path, before, "--r", "5")
    assert [recipe.r for recipe in recipes] == [int(weights["average"]["decoder.r"]), 3, 5]


@pytest.mark.parametrize("r", [0, 21, [2, 2]])
def test_impossible_frames_a_step_are_one_line(
    r: object, recipes: list[SynthesizerRecipe], tmp_path: Path
) -> None:
    start = tmp_path / "start.pt"
    torch.save({"decoder.r": torch.tensor(r)}, start)
    result = run("synthesizer", tmp_path, tmp_path / "run", "--start", start)
    assert result.exit_code == 1
    assert "give --r" in result.stderr
    assert not recipes


def test_folder_that_holds_no_recordings_is_one_line(tmp_path: Path) -> None:
    result = run("data", tmp_path / "data", "--recordings", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_run_is_exported(tmp_path: Path) -> None:
    tiny_trainer("vocoder", tiny_data(tmp_path / "data"), tmp_path / "run", 1).run()
    result = run("export", tmp_path / "run", tmp_path / "vocoder", "--licence", "MIT")
    assert result.exit_code == 0, result.output
    assert "vocoder, " in result.output
    assert run("export", tmp_path / "run", tmp_path / "vocoder").exit_code == 1


def test_synthesizer_is_exported_with_its_dropout(tmp_path: Path) -> None:
    tiny_trainer("synthesizer", tiny_data(tmp_path / "data"), tmp_path / "run", 1).run()
    assert run("export", tmp_path / "run", tmp_path / "a", "--dropout", "0.4").exit_code == 0
    assert load(tmp_path / "a").manifest.architecture["dropout"] == 0.4
    refused = run("export", tmp_path / "run", tmp_path / "b", "--dropout", "1")
    assert refused.exit_code == 1
    assert "below 1" in refused.stderr


def test_default_dropout_is_the_recipes() -> None:
    assert f"[default: {SPEAKING_DROPOUT}]" in " ".join(run("export", "--help").output.split())
