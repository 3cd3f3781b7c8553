import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.checkpoints.manifest import CheckpointError, Manifest
from shared.checkpoints.reading import load, verify
from shared.checkpoints.writing import DiskDtype, join, read_rtvc, write
from tests.support.tiny_weights import (
    StateDict,
    tiny_encoder,
    tiny_tacotron,
    tiny_vocos,
    tiny_wavernn,
)

MAKERS = [tiny_encoder, tiny_tacotron, tiny_vocos, tiny_wavernn]


def written(folder: Path, state_dict: StateDict, dtype: DiskDtype = "float32") -> Manifest:
    return write(folder, state_dict, source="a test", licence="MIT", dtype=dtype)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_equal(given: StateDict, expected: StateDict) -> None:
    assert list(given) == list(expected)
    for name, tensor in expected.items():
        assert given[name].dtype == tensor.dtype
        assert torch.equal(given[name], tensor), name


@pytest.mark.parametrize("make", MAKERS)
def test_written_weights_load_bit_equal_and_in_order(
    make: Callable[[], StateDict], tmp_path: Path
) -> None:
    state_dict = make()
    written(tmp_path / "any", state_dict)
    assert_equal(load(tmp_path / "any").state_dict, state_dict)


def test_files_bear_place_and_name_of_their_parameter(tmp_path: Path) -> None:
    written(tmp_path / "encoder", tiny_encoder())
    names = sorted(path.name for path in (tmp_path / "encoder").iterdir())
    assert names[:2] == ["000_lstm.weight_ih_l0.pt", "001_lstm.weight_hh_l0.pt"]
    assert names[-1] == "manifest.json"


def test_each_file_holds_its_own_numbers_only(tmp_path: Path) -> None:
    """A view would drag the whole storage behind it along."""
    state_dict = tiny_encoder()
    state_dict["linear.bias"] = torch.zeros(1_000_000)[:4]
    written(tmp_path / "encoder", state_dict)
    assert (tmp_path / "encoder/009_linear.bias.pt").stat().st_size < 4000


def test_equal_tensors_give_equal_bytes(tmp_path: Path) -> None:
    state_dict = tiny_tacotron()
    strided = {
        name: torch.stack([tensor, tensor], dim=-1)[..., 0] for name, tensor in state_dict.items()
    }
    parameters: StateDict = {
        name: torch.nn.Parameter(tensor, requires_grad=tensor.is_floating_point())
        for name, tensor in state_dict.items()
    }
    written(tmp_path / "a", state_dict)
    written(tmp_path / "b", strided)
    written(tmp_path / "longer_name", parameters)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "longer_name")


def test_half_precision_halves_matrices_and_leaves_vectors_and_integers(tmp_path: Path) -> None:
    state_dict = tiny_tacotron()
    statistics = "postnet.conv1d_bank.0.bnorm.running_var"
    state_dict[statistics] = torch.full_like(state_dict[statistics], 1e-20)
    manifest = written(tmp_path / "half", state_dict, "float16")
    dtypes = {entry.name: entry.dtype for entry in manifest.parameters}
    assert dtypes["encoder.embedding.weight"] == "float16"
    assert dtypes[statistics] == dtypes["stop_threshold"] == "float32"
    assert (dtypes["step"], dtypes["decoder.r"]) == ("int64", "int32")
    loaded = load(tmp_path / "half").state_dict
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32, torch.int64, torch.int32}
    assert torch.equal(loaded[statistics], state_dict[statistics])
    embedding = state_dict["encoder.embedding.weight"]
    assert torch.equal(loaded["encoder.embedding.weight"], embedding.half().float())


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (float("nan"), "float32", r"linear\.weight holds NaN"),
        (float("-inf"), "float16", r"linear\.weight holds NaN or infinity"),
        (70_000.0, "float16", r"linear\.weight exceeds float16's range"),
    ],
)
def test_number_that_cannot_be_stored_is_refused(
    value: float, dtype: DiskDtype, message: str, tmp_path: Path
) -> None:
    state_dict = tiny_encoder()
    state_dict["linear.weight"][1, 2] = value
    with pytest.raises(CheckpointError, match=message):
        written(tmp_path / "encoder", state_dict, dtype)
    assert list(tmp_path.iterdir()) == []


def test_source_of_many_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="encoder: source: "):
        write(tmp_path / "encoder", tiny_encoder(), source="a\nb", licence="MIT")
    assert list(tmp_path.iterdir()) == []


def test_dropout_is_written_where_it_is_not_rtvcs(tmp_path: Path) -> None:
    assert written(tmp_path / "a", tiny_tacotron()).architecture["dropout"] == 0.5
    stated = write(tmp_path / "b", tiny_tacotron(), source="a test", licence="MIT", dropout=0.1)
    assert stated.architecture["dropout"] == load(tmp_path / "b").manifest.architecture["dropout"]
    assert stated.architecture["dropout"] == 0.1


@pytest.mark.parametrize(
    ("make", "dropout", "reason"),
    [
        (tiny_tacotron, 1.0, "at least 0, below 1"),
        (tiny_tacotron, float("nan"), "at least 0, below 1"),
        (tiny_wavernn, 0.2, "a vocoder has no dropout"),
    ],
)
def test_impossible_dropout_is_refused(
    make: Callable[[], StateDict], dropout: float, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=reason):
        write(tmp_path / "any", make(), source="a test", licence="MIT", dropout=dropout)


def test_existing_folder_is_not_overwritten_without_force(tmp_path: Path) -> None:
    written(tmp_path / "any", tiny_encoder())
    before = contents(tmp_path / "any")
    with pytest.raises(CheckpointError, match="exists already; --force"):
        written(tmp_path / "any", tiny_wavernn())
    assert contents(tmp_path / "any") == before


def test_forced_write_replaces_the_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "any"
    write(folder, tiny_tacotron(), source="", licence="", notice="old")
    write(folder, tiny_encoder(), source="", licence="", force=True)
    assert verify(folder).model == "encoder"
    assert not (folder / "NOTICE").exists()
    assert list(tmp_path.iterdir()) == [folder]


def test_force_replaces_only_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("dear")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for name in ("home", "link", "home/letter.txt"):
        with pytest.raises(CheckpointError, match=r"letter\.txt|not a folder"):
            write(tmp_path / name, tiny_encoder(), source="", licence="", force=True)
    assert (tmp_path / "home/letter.txt").read_text() == "dear"


@pytest.mark.parametrize("there_before", [False, True])
def test_failed_write_leaves_the_old_file(
    there_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "any"
    if there_before:
        written(folder, tiny_encoder())
    before = contents(folder) if there_before else {}
    real, calls = Path.write_bytes, []

    def full_disk(path: Path, data: bytes) -> int:
        calls.append(path)
        if len(calls) == 5:
            raise OSError(28, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(folder, tiny_wavernn(), source="", licence="", force=there_before)
    monkeypatch.undo()
    assert (contents(folder) if there_before else {}) == before
    assert list(tmp_path.iterdir()) == ([folder] if there_before else [])


def test_failed_swap_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "any"
    written(folder, tiny_encoder())
    real = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise PermissionError(1, "Operation not permitted", str(path))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(PermissionError):
        write(folder, tiny_wavernn(), source="", licence="", force=True)
    monkeypatch.undo()
    assert verify(folder).model == "encoder"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("bare", [True, False])
def test_rtvc_checkpoint_is_read_in_every_form(zipped: bool, bare: bool, tmp_path: Path) -> None:
    state_dict = tiny_wavernn() | {"step": torch.tensor([41])}
    content = {"model_state": state_dict, "optimizer_state": {"lr": 1.0, "m": torch.ones(3)}}
    torch.save(
        state_dict if bare else content,
        tmp_path / "vocoder.pt",
        _use_new_zipfile_serialization=zipped,
    )
    read = read_rtvc(tmp_path / "vocoder.pt")
    assert_equal(read.state_dict, state_dict)
    assert (read.step, read.dropped) == (41, ())


def test_encoders_loss_parameters_are_dropped_by_name(tmp_path: Path) -> None:
    similarity = {"similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1)}
    content = {"step": 7, "model_state": similarity | tiny_encoder()}
    torch.save(content, tmp_path / "encoder.pt")
    read = read_rtvc(tmp_path / "encoder.pt")
    assert read.dropped == ("similarity_weight", "similarity_bias")
    assert read.step == 7
    assert not read.state_dict.keys() & similarity.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "no model_state"),
        ({"model_state": {}}, "no model_state"),
        ({"model_state": 3}, "no model_state"),
        ({"model": tiny_encoder()}, "model is a OrderedDict"),
        ({"a": 3.5}, "a is a float"),
        ({"../../a": torch.ones(2)}, "is not the name of a parameter"),
        ({7: torch.ones(2)}, "is not the name of a parameter"),
        ({"a": torch.ones(2).to_sparse()}, "must be a tensor"),
        ({"a": torch.ones(2, dtype=torch.float64)}, "a is torch.float64"),
        ({"a": torch.ones(1).expand(10**6, 10**6)}, "but fewer numbers are stored"),
    ],
)
def test_file_that_is_no_state_dict_is_refused(
    content: object, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "some.pt")
    with pytest.raises(CheckpointError, match=message):
        read_rtvc(tmp_path / "some.pt")


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """By whether they are zipped."""
    folder = tmp_path_factory.mktemp("rtvc")
    files = {zipped: folder / f"zipped_{zipped}.pt" for zipped in (True, False)}
    for zipped, file in files.items():
        torch.save(tiny_encoder(), file, _use_new_zipfile_serialization=zipped)
    return files


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    torch.save(tiny_encoder(), tmp_path / "some.pt")
    whole = (tmp_path / "some.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        record = max(archive.infolist(), key=lambda info: info.file_size)
    flipped = bytearray(whole)
    flipped[record.header_offset + 200] ^= 1
    for damaged in (bytes(flipped), whole[:-30], whole[:2000], b"PK\x03\x04", b"\x80\x02.", b""):
        (tmp_path / "some.pt").write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"some\.pt: not a checkpoint of RTVC"):
            read_rtvc(tmp_path / "some.pt")


@settings(deadline=None)
@given(st.booleans(), st.data())
def test_bytes_changed_anywhere_in_a_file_are_refused_or_harmless(
    whole_files: dict[bool, Path], zipped: bool, data: st.DataObject
) -> None:
    """Some bytes of a pickle have no effect; the result is tensors or an error with a name."""
    content = bytearray(whole_files[zipped].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        last = data.draw(st.sampled_from([300, len(content) - 1]))  # often in the pickle's head
        at = data.draw(st.integers(0, last))
        content[at] = data.draw(st.integers(0, 255))
    damaged = whole_files[zipped].with_name("damaged.pt")
    damaged.write_bytes(content)
    try:
        read = read_rtvc(damaged)
    except CheckpointError as error:
        said = str(error)
    else:
        said = str(damaged)
        assert all(isinstance(tensor, torch.Tensor) for tensor in read.state_dict.values())
    assert str(damaged) in said


def test_compressed_file_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "stored.pt")
    with (
        zipfile.ZipFile(tmp_path / "stored.pt") as stored,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for record in stored.infolist():
            bomb.writestr(record.filename, stored.read(record))
    with pytest.raises(CheckpointError, match="is compressed"):
        read_rtvc(tmp_path / "bomb.pt")


class Evil:
    """Unpickled by an unsafe loader, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_refused_and_not_run(zipped: bool, tmp_path: Path) -> None:
    content = {"model_state": tiny_encoder(), "optimizer_state": Evil(tmp_path / "ran")}
    torch.save(content, tmp_path / "evil.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"evil\.pt: .*more than tensors"):
        read_rtvc(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("make", [tiny_tacotron, tiny_wavernn])
def test_joined_file_holds_the_weights_as_rtvc_reads_them(
    make: Callable[[], StateDict], tmp_path: Path
) -> None:
    state_dict = make()
    written(tmp_path / "any", state_dict)
    join(tmp_path / "any", tmp_path / "any.pt")
    content = torch.load(tmp_path / "any.pt", weights_only=True)
    assert_equal(content["model_state"], state_dict)
    assert_equal(read_rtvc(tmp_path / "any.pt").state_dict, state_dict)


def test_joined_encoder_has_all_that_rtvc_asks_for(tmp_path: Path) -> None:
    state_dict = tiny_encoder()
    write(tmp_path / "encoder", state_dict, source="", licence="", step=12)
    join(tmp_path / "encoder", tmp_path / "encoder.pt")
    content = torch.load(tmp_path / "encoder.pt", weights_only=True)
    assert content["step"] == 12
    similarity = [
        content["model_state"].pop(name) for name in ("similarity_weight", "similarity_bias")
    ]
    assert [tensor.tolist() for tensor in similarity] == [[10.0], [-5.0]]
    assert_equal(content["model_state"], state_dict)


def test_joined_half_precision_is_float32(tmp_path: Path) -> None:
    written(tmp_path / "vocoder", tiny_wavernn(), "float16")
    join(tmp_path / "vocoder", tmp_path / "vocoder.pt")
    tensors = torch.load(tmp_path / "vocoder.pt", weights_only=True)["model_state"]
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32, torch.int64}


def test_join_does_not_overwrite_without_force(tmp_path: Path) -> None:
    written(tmp_path / "encoder", tiny_encoder())
    (tmp_path / "encoder.pt").write_text("mine")
    with pytest.raises(CheckpointError, match="exists already; --force"):
        join(tmp_path / "encoder", tmp_path / "encoder.pt")
    assert (tmp_path / "encoder.pt").read_text() == "mine"
    join(tmp_path / "encoder", tmp_path / "encoder.pt", force=True)
    assert read_rtvc(tmp_path / "encoder.pt").state_dict
