"""The documentation: its examples run, its links lead somewhere, its tables agree with the code."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

import cli.gateway
import client.settings
import connectors.gateway
import encoder_service.settings
import gateway_service.settings
import shared.http.errors
import synthesizer_service.settings
import vocoder_service.settings
from shared.services import DEFAULT_PORT, all_apps, url_settings
from shared.settings import AppSettings, ServiceSettings
from synthesizer_service.text import NO_LEXICON
from tests.conftest import REPOSITORY, Service
from tests.support.epubs import epub3

README, KOREAN = REPOSITORY / "README.md", REPOSITORY / "README.ko.md"
API, GATEWAY = REPOSITORY / "docs/api.md", REPOSITORY / "docs/gateway.md"
BOOKS = REPOSITORY / "docs/books.md"
CONFIGURATION, TEXT = REPOSITORY / "docs/configuration.md", REPOSITORY / "docs/text.md"
COMPOSE = REPOSITORY / "docs/deploy-compose.md"
DOCUMENTS = [
    README,
    KOREAN,
    *(REPOSITORY / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")),
    *REPOSITORY.glob("docs/**/*.md"),
]
PORTS = {name: DEFAULT_PORT + app.port_offset for name, app in all_apps().items()}
every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY))
)


class Block(NamedTuple):
    language: str
    code: str


def blocks(document: Path) -> list[Block]:
    """The fenced code blocks, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.M | re.S)
    return [Block(*block) for block in found]


def shell_blocks(document: Path, *programs: str) -> list[str]:
    """The shell blocks that begin with one of the programs."""
    shell = (block.code for block in blocks(document) if block.language == "sh")
    return [code for code in shell if code.startswith(programs)]


def python_blocks(document: Path) -> list[str]:
    return [block.code for block in blocks(document) if block.language == "python"]


def json_block(document: Path, field: str) -> str:
    """The code block of a JSON object that begins with the field."""
    return next(b.code for b in blocks(document) if b.code.startswith(f'{{"{field}"'))


def prose(document: Path) -> str:
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)


# The examples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to run examples in, with the files that they use."""
    (tmp_path / "samples").symlink_to(REPOSITORY / "samples")
    (tmp_path / "story.txt").write_text("Once upon a time.")
    (tmp_path / "novel.epub").write_bytes(epub3())
    shutil.copy(REPOSITORY / "samples/elm.wav", tmp_path / "recording.wav")
    return tmp_path


def at_test_addresses(code: str, service: Service) -> str:
    for name, port in PORTS.items():
        for scheme in ("http", "ws"):
            if (address := f"{scheme}://127.0.0.1:{port}") in code:
                url = service(name).base_url.copy_with(scheme=scheme)
                code = code.replace(address, str(url).rstrip("/"))
    return code


def addresses_of(service: Service) -> dict[str, str]:
    return url_settings({name: str(service(name).base_url) for name in all_apps()})


def run(command: list[str], folder: Path, **environment: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": programs, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_shell(code: str, folder: Path, **environment: str) -> str:
    return run(["bash", "-euo", "pipefail", "-c", code], folder, **environment)


def assert_speech(file: Path, of_rate: int = 16_000) -> None:
    wav, rate = soundfile.read(file)
    assert rate == of_rate
    assert len(wav) > 0.1 * rate
    assert 0.001 < np.abs(wav).max() <= 1


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl on the PATH")


@needs_curl
def test_curl_example_of_the_readme_makes_a_voice_that_speaks(
    folder: Path, service: Service
) -> None:
    (example,) = shell_blocks(README, "curl")
    said = run_shell(at_test_addresses(example, service), folder)
    assert '"name":"mine"' in said
    assert_speech(folder / "morning.mp3", of_rate=24_000)
    service("gateway").delete("/v1/audio/voices/mine").raise_for_status()


def test_python_example_of_the_readme_speaks(folder: Path, service: Service) -> None:
    (example,) = python_blocks(README)
    run([sys.executable, "-c", at_test_addresses(example, service)], folder)
    assert_speech(folder / "morning.wav", of_rate=24_000)


def test_better_examples_of_the_readme_speak(folder: Path, service: Service) -> None:
    (example,) = shell_blocks(README, "better")
    said = run_shell(example, folder, **addresses_of(service))
    assert "ash  (preset)" in said
    assert_speech(folder / "hello.wav")
    assert_speech(folder / "story.wav")
    assert "Good morning." in (folder / "hello.srt").read_text()
    assert (folder / "novel.m4b").stat().st_size > 1000


# The page of captions and audiobooks


@needs_curl
def test_examples_of_the_books_page_write_captions_and_books(
    folder: Path, service: Service
) -> None:
    for example in shell_blocks(BOOKS, "better", "job="):
        run_shell(at_test_addresses(example, service), folder, **addresses_of(service))
        if "ticket.vtt" in example:
            assert "The ticket costs $5." in (folder / "ticket.srt").read_text()
            assert "<00:00:0" in (folder / "ticket.vtt").read_text()
            (folder / "ticket.srt").unlink()
        if "--out novel.m4b" in example:
            assert (folder / "novel.m4b").stat().st_size > 1000
            (folder / "novel.m4b").unlink()
    assert "The ticket costs $5." in (folder / "ticket.srt").read_text()
    assert_speech(folder / "blend.wav")
    for book in ("novel.m4b", "sample.mp3", "one.mp3"):
        assert (folder / book).stat().st_size > 1000


@needs_curl
def test_changed_book_of_the_books_page_takes_its_chapters_over(
    folder: Path, service: Service
) -> None:
    (make,) = (code for code in shell_blocks(BOOKS, "job=") if "chapters" in code)
    (change,) = (code for code in shell_blocks(BOOKS, "curl") if "from_job" in code)
    said = run_shell(at_test_addresses(make + change, service), folder)
    job = json.loads(said.splitlines()[-1])
    assert [chapter["reused"] for chapter in job["chapters"]] == [True, True, True]


# The API page


@needs_curl
def test_curl_chain_of_the_api_page_gives_embedding_spectrogram_and_sound(
    folder: Path, service: Service
) -> None:
    for example in shell_blocks(API, "curl")[:3]:
        run_shell(at_test_addresses(example, service), folder)
    answer = json.loads((folder / "embed.json").read_text())
    assert np.shape(answer["embed"]) == (256,)
    assert np.linalg.norm(answer["embed"]) == pytest.approx(1, abs=1e-4)
    promised = json.loads(json_block(API, "embed"))
    assert list(answer["report"]) == list(promised["report"])
    spec = json.loads((folder / "spec.json").read_text())["spec"]
    assert len(spec) == 80
    assert_speech(folder / "speech.wav")


def test_python_chain_of_the_api_page_speaks(folder: Path, service: Service) -> None:
    (example,) = python_blocks(API)
    assert len([line for line in example.splitlines() if line]) <= 20
    run([sys.executable, "-c", at_test_addresses(example, service)], folder)
    assert_speech(folder / "speech.wav")


@needs_curl
def test_other_curl_examples_of_the_api_page_respond_as_it_says(
    folder: Path, service: Service
) -> None:
    examples = shell_blocks(API, "curl")[3:]
    chars, sound = (run_shell(at_test_addresses(code, service), folder) for code in examples)
    assert json.loads(chars) == json.loads(json_block(API, "chars"))
    assert not sound
    assert_speech(folder / "speech.flac")


def test_better_example_of_the_gateway_page_speaks_in_a_saved_voice(
    folder: Path, service: Service
) -> None:
    (example,) = shell_blocks(GATEWAY, "better voices")
    said = run_shell(example, folder, **addresses_of(service))
    assert "mine" in said.splitlines()
    assert_speech(folder / "mine.wav")


# The text page


@needs_curl
def test_curl_examples_of_the_text_page_respond_as_it_says(folder: Path, service: Service) -> None:
    examples = shell_blocks(TEXT, "curl")
    pieces, spoken = (run_shell(at_test_addresses(code, service), folder) for code in examples)
    assert json.loads(pieces) == json.loads(json_block(TEXT, "object"))
    assert json.loads(spoken)["spoken"] == json.loads(json_block(TEXT, "chars"))["spoken"]


# The gateway's page


def test_python_examples_of_the_gateway_page_speak(folder: Path, service: Service) -> None:
    examples = python_blocks(GATEWAY)
    assert len(examples) == 3
    for example in examples:
        run([sys.executable, "-c", at_test_addresses(example, service)], folder)
    assert len((folder / "reply.pcm").read_bytes()) > 48_000
    assert_speech(folder / "morning.wav", of_rate=24_000)
    assert_speech(folder / "evening.flac", of_rate=24_000)


@needs_curl
def test_shell_examples_of_the_gateway_page_do_what_it_says(folder: Path, service: Service) -> None:
    examples = [at_test_addresses(code, service) for code in shell_blocks(GATEWAY, "curl", "job=")]
    said = [run_shell(example, folder, KEY="any") for example in examples]
    for file in ("morning.mp3", "story.mp3"):
        assert_speech(folder / file, of_rate=24_000)
    assert json.loads((folder / "speech.json").read_text())["sr"] == 16_000
    output = "\n".join(said)
    assert '"name":"mine"' in output  # the voice that an example made
    assert "speech.audio.done" in output
    assert '"state":"completed"' in output
    assert '"object":"speech.job.deleted"' in output
    assert '"object":"audio.voice.deleted"' in output


def test_compose_overrides_of_the_documents_are_accepted(tmp_path: Path) -> None:
    program = shutil.which("docker-compose") or pytest.skip("docker-compose is not on the PATH")
    shutil.copy(REPOSITORY / "docker-compose.yml", tmp_path)
    pages = (COMPOSE, CONFIGURATION)
    overrides = [b.code for page in pages for b in blocks(page) if b.language == "yaml"]
    assert len(overrides) >= 5
    for override in overrides:
        (tmp_path / "docker-compose.override.yml").write_text(override)
        run([program, "config", "--quiet"], tmp_path)


# The translation


def without_comments(block: Block) -> Block:
    return Block(block.language, re.sub(r"\s+#.*$", "", block.code, flags=re.M))


def test_korean_readme_has_the_same_code() -> None:
    assert [*map(without_comments, blocks(KOREAN))] == [*map(without_comments, blocks(README))]


def links(document: Path) -> list[str]:
    text = prose(document)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, re.M)


def test_korean_readme_has_the_same_links() -> None:
    switched = [target.replace(KOREAN.name, README.name) for target in links(README)]
    assert sorted(links(KOREAN)) == sorted(switched)


def test_korean_readme_has_the_same_structure() -> None:
    outlines = [re.findall(r"^(#+|-) ", prose(document), re.M) for document in (README, KOREAN)]
    assert outlines[0] == outlines[1]


# Links and commands


def anchors(document: Path) -> set[str]:
    """The ids that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_relative_links_lead_to_something(document: Path) -> None:
    for target in links(document):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@every_document
def test_named_files_of_the_repository_exist(document: Path) -> None:
    folders = "tests|shared|benchmarks|gateway_service|client|cli|checkpoints|bin"
    for name in re.findall(rf"`((?:{folders})/[\w/.-]+)`", document.read_text()):
        assert (REPOSITORY / name).exists() or name == "checkpoints/NAME", name


@every_document
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    code = "\n".join(block.code for block in blocks(document))
    named = re.findall(r"`make (\S+)`", document.read_text()) + re.findall(
        r"^make ([a-z-]+)", code, re.M
    )
    assert set(named) <= targets


MAX_PAGE_LINES = {
    "README.md": 120,
    "docs/architecture.md": 150,
    "docs/training.md": 150,
    "docs/experiments/*.md": 60,
    "docs/models/*.md": 70,
}


@pytest.mark.parametrize("pages", MAX_PAGE_LINES)
def test_pages_keep_their_length(pages: str) -> None:
    for page in REPOSITORY.glob(pages):
        assert len(page.read_text().splitlines()) <= MAX_PAGE_LINES[pages], page


# The tables of docs/configuration.md and docs/api.md


def tables(document: Path, first_column: str) -> Iterator[dict[str, list[str]]]:
    """Each table as a dict: first column, without backticks, to the other columns."""
    lines = iter(document.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            rows = itertools.takewhile(lambda row: row.startswith("|"), lines)
            cells = [[cell.strip(" `") for cell in row.split(" | ")] for row in rows]
            yield {row[0].strip("|` "): row[1:] for row in cells[1:]}


INHERITED: dict[type[BaseSettings], list[type[BaseSettings]]] = {
    AppSettings: [],
    ServiceSettings: [AppSettings],
    encoder_service.settings.Settings: [ServiceSettings],
    synthesizer_service.settings.Settings: [ServiceSettings],
    vocoder_service.settings.Settings: [ServiceSettings],
    gateway_service.settings.Settings: [AppSettings, client.settings.Settings],
    client.settings.Settings: [],
    cli.gateway.Settings: [],
    connectors.gateway.Settings: [cli.gateway.Settings],
}
"""For each settings class: its bases, whose settings have tables of their own."""


def shown(default: object) -> str:
    """The default as a table shows it."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).rstrip("/") if default not in ("", None, (), NO_LEXICON) else "none"


def settings_id(settings: type[BaseSettings]) -> str:
    return f"{settings.__module__}.{settings.__name__}"


@pytest.mark.parametrize("settings", INHERITED, ids=settings_id)
def test_configuration_page_lists_every_setting_with_its_default(
    settings: type[BaseSettings],
) -> None:
    inherited = {name for kind in INHERITED[settings] for name in kind.model_fields}
    own = {
        name.upper(): field.default
        for name, field in settings.model_fields.items()
        if name not in inherited
    }
    listed = [table for table in tables(CONFIGURATION, "variable") if set(table) == set(own)]
    assert listed, f"no table has exactly {sorted(own)}"
    for name, default in own.items():
        if isinstance(default, Path) or default is PydanticUndefined:
            continue  # depends on the machine
        assert any(table[name][0] == shown(default) for table in listed), name


def test_api_page_lists_every_error() -> None:
    (listed,) = tables(API, "status")
    kinds = set(shared.http.errors.ApiError.__subclasses__())
    assert listed.keys() == {str(kind.status) for kind in kinds}


CODES = r'(?:code=|code = |_refuse\()"(\w+)"'


def test_api_page_lists_every_code() -> None:
    folders = ["shared", *(f"{name}_service" for name in PORTS)]
    sources = [path.read_text() for name in folders for path in (REPOSITORY / name).rglob("*.py")]
    raised = {code for text in sources for code in re.findall(CODES, text)}
    assert len(raised) > 50
    text = API.read_text()
    assert {code for code in raised if f"| `{code}` |" not in text} == set()
