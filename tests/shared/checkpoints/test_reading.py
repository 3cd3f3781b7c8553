import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from encoder_service.model import SpeakerEncoder
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.manifest import CheckpointError
from shared.checkpoints.reading import load, load_into, verify
from shared.checkpoints.writing import join, read_rtvc, write
from shared.settings import REPOSITORY
from synthesizer_service.tacotron.hparams import Hparams as TacotronHparams
from synthesizer_service.tacotron.model import Tacotron
from tests.support.tiny_weights import ENCODER, TACOTRON, StateDict, tiny_encoder, tiny_tacotron
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN

SCALAR = "001_step.pt"
MATRIX = "003_encoder.embedding.weight.pt"


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny synthesizer's, which has every dtype, and scalars: those come first here."""
    state_dict = tiny_tacotron()
    order = ["decoder.r", "step", "stop_threshold", "encoder.embedding.weight", *state_dict]
    folder = tmp_path_factory.mktemp("whole") / "synthesizer"
    state_dict = {name: state_dict[name] for name in order}
    write(folder, state_dict, source="a test", licence="MIT", notice="a notice")
    return folder


@pytest.fixture
def folder(whole_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole_folder, tmp_path / "synthesizer"))


@pytest.fixture(scope="module")
def full_size_synthesizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[StateDict, Path]:
    """RTVC's 31 million parameters, and the folder they are split into."""
    state_dict = Tacotron(TacotronHparams()).state_dict()
    folder = tmp_path_factory.mktemp("full") / "synthesizer"
    write(folder, state_dict, source="random", licence="none")
    return state_dict, folder


@pytest.fixture
def no_unpickling(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        pytest.fail("unpickled before everything was checked")

    monkeypatch.setattr(torch, "load", fail)


def assert_bit_equal(given: StateDict, expected: StateDict) -> None:
    assert list(given) == list(expected)
    assert all(torch.equal(given[name], tensor) for name, tensor in expected.items())


def edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads((folder / "manifest.json").read_text())
    edit(fields)
    (folder / "manifest.json").write_text(json.dumps(fields))


def replace_file(folder: Path, file: str, data: bytes) -> None:
    """Replace a file and its hash in the manifest, so that only the loader can reject it."""
    (folder / file).write_bytes(data)

    def vouch(fields: dict[str, Any]) -> None:
        entry = next(entry for entry in fields["parameters"] if entry["file"] == file)
        entry["sha256"] = hashlib.sha256(data).hexdigest()

    edit_manifest(folder, vouch)


def saved(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def rezipped(archive: bytes, compression: int, **replaced: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", compression) as new,
    ):
        for record in old.infolist():
            name = record.filename
            new.writestr(
                name, replaced.get(name.rpartition("/")[2].replace(".", "_"), old.read(name))
            )
    return buffer.getvalue()


def test_whole_folder_loads_and_verifies(folder: Path) -> None:
    checkpoint = load(folder)
    assert checkpoint.manifest == verify(folder)
    assert (checkpoint.manifest.model, checkpoint.manifest.source) == ("synthesizer", "a test")
    assert hparams_from(TacotronHparams, checkpoint.manifest.architecture) == TACOTRON


def test_folder_may_be_a_link(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    assert verify(link)


@pytest.mark.usefixtures("no_unpickling")
@pytest.mark.parametrize("file", [SCALAR, MATRIX, "000_decoder.r.pt", "002_stop_threshold.pt"])
@pytest.mark.parametrize("place", [0.0, 0.4, 0.999])
def test_flipped_bit_is_refused_by_the_files_name(folder: Path, file: str, place: float) -> None:
    data = bytearray((folder / file).read_bytes())
    data[int(place * len(data))] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"{file} is corrupt.*train export"):
        load(folder)


@pytest.mark.usefixtures("no_unpickling")
def test_last_file_is_checked_before_the_first_is_unpickled(folder: Path) -> None:
    last = sorted(folder.glob("*.pt"))[-1]
    last.write_bytes(last.read_bytes()[::-1])
    with pytest.raises(CheckpointError, match=f"{last.name} is corrupt"):
        load(folder)


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _huge(path: Path) -> None:
    os.truncate(path, 2**40)


def _link_to_itself(path: Path) -> None:
    path.rename(path.parent.with_name("elsewhere.pt"))
    path.symlink_to(path.parent.with_name("elsewhere.pt"))


def _link_to_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.unlink()
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # as /dev/zero
    except PermissionError:
        pytest.skip("making a device needs root")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


BREAKERS = {
    _missing: "missing|no manifest",
    _empty: "truncated",
    _truncated: "corrupt|Invalid JSON",
    _huge: "too large",
    _link_to_itself: "is a symbolic link",
    _link_to_device: "is a symbolic link",
    _fifo: "is not a regular file",
    _device: "is not a regular file",
    _folder: "is not a regular file",
    _socket: "No such device",
}


@pytest.mark.usefixtures("no_unpickling")
@pytest.mark.parametrize("file", [MATRIX, "manifest.json"])
@pytest.mark.parametrize(("break_file", "reason"), BREAKERS.items())
def test_file_that_is_not_whole_and_regular_is_refused_by_name(
    folder: Path, file: str, break_file: Callable[[Path], None], reason: str
) -> None:
    break_file(folder / file)
    with pytest.raises(CheckpointError, match=f"(?=.*({reason})).*{file}.*train export"):
        load(folder)


@pytest.mark.usefixtures("no_unpickling")
@pytest.mark.parametrize(
    "name", ["004_extra.pt", ".hidden", "__pycache__", "line\nbreak", "\udcff"]
)
def test_extra_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    with pytest.raises(CheckpointError, match="does not belong here; remove it") as raised:
        load(folder)
    assert repr(name) in str(raised.value)


@pytest.mark.usefixtures("no_unpickling")
def test_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("empty", "file", "absent"):
        with pytest.raises(CheckpointError, match=f"{name}: .*train export"):
            load(tmp_path / name)


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_flipped_bit_of_the_manifest_changes_no_weight(folder: Path, bit: int) -> None:
    """A flip in the part about files is rejected and named. A flip before it may change a word of
    the description or a hyperparameter that no tensor shows."""
    expected = load(folder).state_dict
    whole = (folder / "manifest.json").read_bytes()
    of_files = whole.index(b'"parameters"')
    for at in range(0, len(whole), 101):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << bit
        (folder / "manifest.json").write_bytes(flipped)
        try:
            given = load(folder).state_dict
        except CheckpointError as error:
            said = str(error)
        else:
            said = ""
            assert_bit_equal(given, expected)
        assert str(folder) in said or at < of_files, bytes(flipped[at - 20 : at + 1])


@pytest.mark.usefixtures("no_unpickling")
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda fields: fields["parameters"].pop(), "does not belong here"),
        (lambda fields: fields["parameters"].reverse(), "must be in '000_"),
        (lambda fields: fields["parameters"][3].update(shape=[20000, 10000]), "truncated"),
        (lambda fields: fields["parameters"][3].update(shape=[]), "too large|corrupt"),
        (lambda fields: fields["parameters"][3].update(sha256="0" * 64), f"{MATRIX} is corrupt"),
        (lambda fields: fields.update(format_version=2), "format_version"),
        (lambda fields: fields["parameters"][3].update(file="../../secret.pt"), "must be in '003_"),
        (lambda fields: fields["parameters"][3].update(file="/dev/zero"), "must be in '003_"),
        (
            lambda fields: fields["parameters"].append(fields["parameters"][3]),
            "encoder.embedding.weight is listed twice",
        ),
    ],
)
def test_manifest_that_lies_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    if "too large" in message:  # claims a scalar where more bytes lie than any archive adds
        data = (folder / MATRIX).read_bytes()
        (folder / MATRIX).write_bytes(data + bytes(9000))
    edit_manifest(folder, edit)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda fields: fields["parameters"][3].update(shape=[10, 12]),
            r"manifest says float32 \[10",
        ),
        (lambda fields: fields["parameters"][1].update(dtype="float32"), "holds int64"),
        (lambda fields: fields.update(model="vocoder"), "weights are those of a synthesizer"),
        (lambda fields: fields["architecture"].update(num_highways=10**9), "num_highways is 1000"),
    ],
)
def test_manifest_that_the_tensors_contradict_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit_manifest(folder, edit)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


class Evil:
    """Unpickled by an unsafe loader, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["pickle", "legacy", "zip"])
def test_code_with_a_true_hash_is_refused_and_not_run(folder: Path, kind: str) -> None:
    evil = Evil(folder.parent / "ran")
    matrix = (folder / MATRIX).read_bytes()
    data = {
        "pickle": pickle.dumps(evil),
        "legacy": saved(evil, _use_new_zipfile_serialization=False),
        "zip": rezipped(matrix, zipfile.ZIP_STORED, data_pkl=pickle.dumps(evil, 2)),
    }[kind]
    replace_file(folder, MATRIX, data.ljust(480, b"\0"))
    with pytest.raises(CheckpointError, match=f"{MATRIX} is not an archive of one tensor"):
        load(folder)
    assert not (folder.parent / "ran").exists()


def view_of_one_number() -> torch.Tensor:
    return torch.zeros(1).expand(12, 10)


CONTENTS: dict[str, Callable[[], object]] = {
    "dict": lambda: {"a": torch.zeros(12, 10)},
    "parameter": lambda: nn.Parameter(torch.zeros(12, 10)),
    "list": lambda: [torch.zeros(12, 10)],
    "number": lambda: 3.5,
    "shape": lambda: torch.zeros(10, 12),
    "dtype": lambda: torch.zeros(12, 10, dtype=torch.int32),
    "transposed": lambda: torch.zeros(10, 12).t(),
    "view": view_of_one_number,
    "part": lambda: torch.zeros(30, 10)[:12],
    "sparse": lambda: torch.zeros(12, 10).to_sparse(),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_content_other_than_the_tensor_described_is_refused(folder: Path, kind: str) -> None:
    replace_file(folder, MATRIX, saved(CONTENTS[kind]()).ljust(480, b"\0"))
    with pytest.raises(CheckpointError, match=MATRIX):
        load(folder)


def test_compressed_archive_is_refused_before_it_unpacks(folder: Path) -> None:
    bomb = rezipped((folder / SCALAR).read_bytes(), zipfile.ZIP_DEFLATED, **{"0": bytes(10**6)})
    replace_file(folder, SCALAR, bomb)
    with pytest.raises(CheckpointError, match=f"{SCALAR} is not an archive.* is compressed"):
        load(folder)


def test_overlapping_records_are_refused(folder: Path) -> None:
    """Many names for the same bytes: an archive that unpacks to more than it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data/0", bytes(480))
        archive.filelist *= 20
    replace_file(folder, MATRIX, buffer.getvalue())
    with pytest.raises(CheckpointError, match=f"{MATRIX} is not an archive.* overlap"):
        load(folder)


def test_file_changed_after_its_hash_was_taken_is_loaded_as_it_was_hashed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load(folder).state_dict
    real = hashlib.sha256

    files = iter(sorted(folder.glob("*.pt")))

    def hash_then_change(data: bytes) -> Any:
        next(files).write_bytes(saved(Evil(folder.parent / "ran")))
        return real(data)

    monkeypatch.setattr(hashlib, "sha256", hash_then_change)
    given = load(folder).state_dict
    assert all(torch.equal(given[name], tensor) for name, tensor in expected.items())
    assert not (folder.parent / "ran").exists()
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="corrupt"):
        load(folder)


def test_no_descriptor_leaks_from_refusals(folder: Path) -> None:
    (folder / MATRIX).unlink()
    (folder / MATRIX).mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(CheckpointError):
            load(folder)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_model_takes_the_tensors_themselves(folder: Path) -> None:
    state_dict = load(folder).state_dict
    model = Tacotron(TACOTRON)
    load_into(model, state_dict)
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() == state_dict[name].data_ptr(), name


def test_lstm_computes_with_the_tensors_it_was_given() -> None:
    """nn.LSTM keeps a second list of its weights."""
    state_dict = tiny_encoder()
    given, expected = SpeakerEncoder(ENCODER), SpeakerEncoder(ENCODER)
    load_into(given, state_dict)
    expected.load_state_dict(state_dict)
    mels = torch.rand(2, 9, 6)
    assert torch.equal(given(mels), expected(mels))


def _without_bias(state_dict: StateDict) -> StateDict:
    return {name: tensor for name, tensor in state_dict.items() if name != "linear.bias"}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_without_bias, r"linear\.bias is missing"),
        (lambda d: d | {"linear.gain": torch.ones(1)}, r"linear\.gain is unexpected"),
        (
            lambda d: d | {"linear.bias": torch.ones(3)},
            r"linear\.bias is float32 \[3\], must be float32 \[4\]",
        ),
        (
            lambda d: d | {"linear.bias": torch.ones(4, dtype=torch.int32)},
            r"linear\.bias is int32 \[4\], must be float32 \[4\]",
        ),
        (lambda d: {}, r"and 5 more"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    edit: Callable[[StateDict], StateDict], message: str
) -> None:
    model = SpeakerEncoder(ENCODER)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_into(model, edit(tiny_encoder()))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_full_size_synthesizer_is_split_loaded_and_joined_bit_equal(
    full_size_synthesizer: tuple[StateDict, Path], tmp_path: Path
) -> None:
    state_dict, folder = full_size_synthesizer
    assert sum(tensor.numel() for tensor in state_dict.values()) == 30_880_082
    assert hparams_from(TacotronHparams, verify(folder).architecture) == TacotronHparams()
    join(folder, tmp_path / "joined.pt")
    assert_bit_equal(read_rtvc(tmp_path / "joined.pt").state_dict, state_dict)


def test_full_size_vocoder_is_split_loaded_and_joined_bit_equal(tmp_path: Path) -> None:
    state_dict = WaveRNN(WaveRNNHparams()).state_dict()
    manifest = write(tmp_path / "vocoder", state_dict, source="random", licence="none")
    assert hparams_from(WaveRNNHparams, manifest.architecture) == WaveRNNHparams()
    join(tmp_path / "vocoder", tmp_path / "joined.pt")
    assert_bit_equal(read_rtvc(tmp_path / "joined.pt").state_dict, state_dict)


MEMORY_OF_A_LOAD = """
import sys
from pathlib import Path
from shared.checkpoints.reading import load

def kilobytes(field):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(field + ":")[2].split()[0])

before = kilobytes("VmRSS")
state_dict = load(Path(sys.argv[1])).state_dict
sys.stdout.write(f"{before} {kilobytes('VmHWM')}")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_full_size_load_holds_no_weight_twice(
    full_size_synthesizer: tuple[StateDict, Path],
) -> None:
    _, folder = full_size_synthesizer
    weights = sum(path.stat().st_size for path in folder.iterdir())
    command = [sys.executable, "-c", MEMORY_OF_A_LOAD, str(folder)]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    before, peak = (1024 * int(number) for number in shown.stdout.split())
    assert peak - before < 1.3 * weights
    assert peak < 450e6


@pytest.mark.parametrize("model", ["encoder", "synthesizer", "vocoder", "vocos"])
def test_bundled_checkpoint_is_whole_and_says_where_it_is_from(model: str) -> None:
    folder = REPOSITORY / "checkpoints" / model
    manifest = verify(folder)
    assert manifest.model == model
    assert manifest.source
    assert manifest.licence
    assert "Source:" in (folder / "NOTICE").read_text()


def test_bundled_checkpoints_are_at_most_30_mb() -> None:
    files = [path for path in (REPOSITORY / "checkpoints").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 30e6


@pytest.mark.parametrize("name", ["tacotron_tiny.pt", "wavernn_tiny.pt"])
def test_rtvcs_own_file_comes_back_bit_equal(golden: Path, name: str, tmp_path: Path) -> None:
    original = read_rtvc(golden / name)
    write(tmp_path / "split", original.state_dict, source=name, licence="MIT")
    join(tmp_path / "split", tmp_path / "joined.pt")
    joined = read_rtvc(tmp_path / "joined.pt").state_dict
    content = torch.load(golden / name, weights_only=True)
    assert_bit_equal(joined, content.get("model_state", content))
