import sys
from pathlib import Path

import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

import training.data.tts_systems
import training.evaluation.recognition
import training.synthesizer.task
from cli.main import better
from cli.train import MAX_R, SIZES
from cli.train_data import TTS_SYSTEMS
from cli.train_evaluation import NETWORKS
from shared.checkpoints.reading import load
from shared.settings import REPOSITORY
from synthesizer_service.tacotron import model
from tests.support.tiny_training import tiny_data, tiny_trainer
from tests.training.data.test_phrases import LONG, RECOGNISED, TRANSCRIPT
from training import TrainingError
from training.data.clips import ClipFolder
from training.data.tts_systems import Kokoro
from training.evaluation.recognition import TimedWord
from training.recipes import (
    INFERENCE_DROPOUT,
    SYNTHESIZER_SIZES,
    VOCOS_SIZES,
    WAVERNN_SIZES,
    SynthesizerRecipe,
)
from training.weights import read_weights
from vocoder_service.settings import NETWORK_NAMES


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(better, ["train", *map(str, arguments)])


def test_every_stage_has_a_command() -> None:
    result = run("--help")
    stages = (
        "data",
        "features",
        "recogniser",
        "synthesizer",
        "vocoder",
        "export",
        "evaluate",
        "copies",
    )
    for name in stages:
        assert f"\n  {name}" in result.output


def test_choices_match_the_implementations() -> None:
    assert sorted(TTS_SYSTEMS) == sorted(training.data.tts_systems.TTS_SYSTEMS)
    assert SIZES == [*SYNTHESIZER_SIZES] == [*WAVERNN_SIZES] == [*VOCOS_SIZES]
    assert [*NETWORK_NAMES] == NETWORKS


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("data", "--seed=-1"),
        ("data", "--hours=0"),
        ("vocoder", "--threads=0"),
        ("vocoder", "--rate=-1"),
        ("vocoder", "--recorded-share=1.1"),
        ("evaluate", "--rounds=0"),
    ],
)
def test_number_out_of_range_is_rejected(command: str, option: str) -> None:
    result = run(command, option)
    assert result.exit_code == 2
    assert f"Invalid value for '{option.partition('=')[0]}'" in result.stderr


@pytest.mark.parametrize("command", [["features"], ["data", "--augment"]])
def test_folder_without_clips_is_named(command: list[str], tmp_path: Path) -> None:
    result = run(*command, tmp_path / "mistyped")
    assert result.exit_code == 1
    assert "mistyped holds no clips; run `better train data` first" in result.stderr


def test_missing_and_unfitting_weights_are_named_briefly(tmp_path: Path) -> None:
    data, start = tiny_data(tmp_path / "data", frames=40).folder, tmp_path / "start"
    missing = run("vocoder", data, tmp_path / "run", "--start", data)
    assert "data/state.pt does not exist; give a run's folder" in missing.stderr
    tiny_trainer("synthesizer", ClipFolder(data), start, 1).run()
    others = run("vocoder", data, tmp_path / "run", "--start", start)
    assert others.exit_code == 1
    assert "of another size or model" in others.stderr
    assert len(others.stderr) < 600


@pytest.mark.parametrize("network", [["--network", "wavernn"], ["--adversarial-from", "1"]])
def test_run_reports_where_it_resumes_and_when_it_ends(network: list[str], tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", frames=40).folder
    arguments: list[str | Path] = ["vocoder", data, tmp_path / "run", *network]
    arguments += ["--batch", "1", "--steps"]
    first = run(*arguments, "1").output
    assert "resuming" not in first
    assert f"finished: 1 steps, saved in {tmp_path / 'run'}" in first
    assert "the run has 1 steps already" in run(*arguments, "1").output
    assert "resuming after step 1\n" in run(*arguments, "2").output


def test_unwritable_table_fails_before_the_work(tmp_path: Path) -> None:
    result = run("evaluate", "--out", tmp_path / "missing" / "table.md")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_data_without_features_is_rejected(tmp_path: Path) -> None:
    for network, command in (("wavernn", "features"), ("vocos", "data")):
        result = run("vocoder", tmp_path / "data", tmp_path / "run", "--network", network)
        assert result.exit_code == 1
        assert f"better train {command}" in result.stderr


@pytest.mark.parametrize("option", ["--adversarial-from=5", "--recorded-share=0.5"])
def test_option_of_one_network_is_rejected_by_the_other(option: str, tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data").folder
    result = run("vocoder", data, tmp_path / "run", "--network", "wavernn", option)
    assert result.exit_code == 2
    assert f"{option.partition('=')[0]} needs --network vocos" in result.stderr


def test_fine_tuning_needs_a_synthesizers_mels(tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", frames=40).folder
    result = run("vocoder", data, tmp_path / "run", "--synthesized")
    assert result.exit_code == 1
    assert "no mels of a synthesizer; run `better train features" in result.stderr


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("synthesizer", tmp_path, tmp_path / "run")
    assert result.exit_code == 1
    assert "pip install -e '.[train]'" in result.stderr


def test_data_takes_one_source(tmp_path: Path) -> None:
    assert run("data", tmp_path).exit_code == 2
    both = run("data", tmp_path, "--text", __file__, "--recordings", tmp_path)
    assert "one of --text, --recordings" in both.stderr


@pytest.mark.parametrize("option", ["--split-at-pauses", "--punctuate"])
def test_editing_needs_recordings(option: str, tmp_path: Path) -> None:
    result = run("data", tmp_path, "--text", __file__, option)
    assert result.exit_code == 2
    assert "need --recordings" in result.stderr


def test_recordings_are_edited_with_whisper_base(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class StubRecogniser:
        def __init__(self, name: str) -> None:
            assert name == "base"

        def words(self, wav: object) -> list[TimedWord]:
            return RECOGNISED

    monkeypatch.setattr(training.evaluation.recognition, "Recogniser", StubRecogniser)
    (tmp_path / "LJ" / "wavs").mkdir(parents=True)
    soundfile.write(tmp_path / "LJ" / "wavs" / "1.wav", LONG, 16_000)
    (tmp_path / "LJ" / "metadata.csv").write_text(f"1|{TRANSCRIPT}\n")
    source = ("--recordings", tmp_path / "LJ")
    result = run("data", tmp_path / "data", *source, "--split-at-pauses", "--punctuate")
    assert "1 recordings, 0.2 minutes, gave 2 clips" in result.output
    assert "new clips: 2, " in result.output


def test_maximum_of_frames_per_step_is_the_models() -> None:
    assert MAX_R == model.MAX_R


def test_styles_need_kokoro(tmp_path: Path) -> None:
    text = tmp_path / "book.txt"
    text.write_text("The rain stopped before the evening came.")
    result = run("data", tmp_path, "--text", text, "--tts", "joe", "--styles", tmp_path)
    assert result.exit_code == 2
    assert "--styles needs --tts kokoro" in result.stderr


def test_styles_reach_kokoro(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[Path | None] = []

    class Recorded(Kokoro):
        def __init__(self, styles: Path | None = None) -> None:
            given.append(styles)
            raise TrainingError("stop here")

    monkeypatch.setattr(training.data.tts_systems, "Kokoro", Recorded)
    text = tmp_path / "book.txt"
    text.write_text("The rain stopped before the evening came.")
    result = run("data", tmp_path, "--text", text, "--styles", tmp_path)
    assert "stop here" in result.stderr
    assert given == [tmp_path]


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_missing_device_is_named(tmp_path: Path, device: str) -> None:
    result = run("synthesizer", tmp_path, tmp_path / "run", "--device", device)
    assert result.exit_code == 2
    assert f"--device {device} is not available here; give --device cpu" in result.stderr


@pytest.mark.parametrize(
    ("option", "parameter"),
    [("--recogniser", "recogniser"), ("--speaker-consistency", "speaker_checkpoints")],
)
def test_networks_of_losses_reach_the_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, parameter: str
) -> None:
    given: list[object] = []

    def recorded(*arguments: object, **others: object) -> None:
        given.append(others[parameter])
        raise TrainingError("stop here")

    monkeypatch.setattr(training.synthesizer.task, "SynthesizerTask", recorded)
    run("synthesizer", tmp_path, tmp_path / "run", option, tmp_path)
    run("synthesizer", tmp_path, tmp_path / "run")
    assert given == [tmp_path, None]


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[SynthesizerRecipe]:
    """The recipes that a synthesizer would be trained by."""
    recipes: list[SynthesizerRecipe] = []

    def recorded(
        data: object, hparams: object, recipe: SynthesizerRecipe, **others: object
    ) -> None:
        recipes.append(recipe)
        raise TrainingError("stop here")

    monkeypatch.setattr(training.synthesizer.task, "SynthesizerTask", recorded)
    return recipes


def test_options_change_the_recipe(recipes: list[SynthesizerRecipe], tmp_path: Path) -> None:
    run("synthesizer", tmp_path, tmp_path / "run", "--r", "2", "--steps", "7", "--batch", "3")
    run("synthesizer", tmp_path, tmp_path / "run", "--by-clip", "--recorded-share", "0.3")
    assert [(recipe.by_speaker, recipe.recorded_share) for recipe in recipes] == [
        (True, SynthesizerRecipe.recorded_share), (False, 0.3),
    ]  # fmt: skip
    assert [(recipe.r, recipe.schedule.steps, recipe.batch) for recipe in recipes] == [
        (2, 7, 3),
        (SynthesizerRecipe.r, SynthesizerRecipe.schedule.steps, SynthesizerRecipe.batch),
    ]


def test_frames_per_step_are_kept(recipes: list[SynthesizerRecipe], tmp_path: Path) -> None:
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
def test_impossible_frames_per_step_are_one_line(
    r: object, recipes: list[SynthesizerRecipe], tmp_path: Path
) -> None:
    start = tmp_path / "start.pt"
    torch.save({"decoder.r": torch.tensor(r)}, start)
    result = run("synthesizer", tmp_path, tmp_path / "run", "--start", start)
    assert result.exit_code == 1
    assert "give --r" in result.stderr
    assert not recipes


def test_folder_without_recordings_is_one_line(tmp_path: Path) -> None:
    result = run("data", tmp_path / "data", "--recordings", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_run_is_exported(tmp_path: Path) -> None:
    tiny_trainer("vocoder", tiny_data(tmp_path / "data"), tmp_path / "run", 1).run()
    result = run("export", tmp_path / "run", tmp_path / "vocoder", "--licence", "MIT")
    assert result.exit_code == 0, result.output
    assert "vocoder, " in result.output
    assert run("export", tmp_path / "run", tmp_path / "vocoder").exit_code == 1


def test_mean_of_a_run_and_itself_is_the_run(tmp_path: Path) -> None:
    bundled, folders = REPOSITORY / "checkpoints/vocos", (tmp_path / "a", tmp_path / "b")
    run("export", bundled, folders[0], "--dtype", "float32")
    run("export", bundled, folders[1], "--dtype", "float32", "--mean-with", bundled)
    one, other = (read_weights(folder) for folder in folders)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    refused = run("export", bundled, tmp_path / "c", "--mean-with", bundled.parent / "encoder")
    assert refused.exit_code == 1
    assert "of another size or model" in refused.stderr


def test_synthesizer_is_exported_with_its_dropout(tmp_path: Path) -> None:
    tiny_trainer("synthesizer", tiny_data(tmp_path / "data"), tmp_path / "run", 1).run()
    assert run("export", tmp_path / "run", tmp_path / "a", "--dropout", "0.4").exit_code == 0
    assert load(tmp_path / "a").manifest.architecture["dropout"] == 0.4
    refused = run("export", tmp_path / "run", tmp_path / "b", "--dropout", "1")
    assert refused.exit_code == 1
    assert "below 1" in refused.stderr


def test_default_dropout_is_the_recipes() -> None:
    assert f"[default: {INFERENCE_DROPOUT}]" in " ".join(run("export", "--help").output.split())
