"""The MCP server, as the official SDK's own client sees it."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

import av
import soundfile
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from connectors.gateway import Gateway, Settings
from connectors.mcp import build_server
from shared.voices import sample_path
from tests.conftest import REPOSITORY
from tests.connectors.conftest import KEY
from tests.support.epubs import epub3

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(settings: Settings, folder: Path) -> AsyncIterator[Client]:
    async with (
        Gateway(settings) as gateway,
        Client(build_server(gateway, folder, "rowan")) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


async def call(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text_of(result)


async def test_tools_have_descriptions(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"list_voices", "speak", "make_voice", "read_document", "check_mark"}
    assert all(tool.description for tool in tools.values())
    assert "consent" in tools["make_voice"].input_schema["required"]


async def test_voices_are_listed(client: Client) -> None:
    assert "hazel" in await call(client, "list_voices")


@pytest.mark.parametrize("voice", ["elm", "ash(2)+birch(1)"])
async def test_speech_goes_into_a_file(client: Client, folder: Path, voice: str) -> None:
    said = await call(client, "speak", text="Good morning.", voice=voice, file="hello.wav")
    assert said == "spoken into hello.wav"
    assert soundfile.info(folder / "hello.wav").samplerate == 24_000
    assert [path.name for path in folder.iterdir()] == ["hello.wav"]


async def test_voice_is_made_of_files_with_consent(client: Client, folder: Path) -> None:
    shutil.copy(sample_path("ash"), folder / "me.wav")
    consent = "I am the speaker and allow this voice to be cloned."
    made = await call(client, "make_voice", name="Mine", samples=["me.wav"], consent=consent)
    assert "Mine" in made
    assert "Mine" in await call(client, "list_voices")


async def test_document_is_read_with_progress(client: Client, folder: Path) -> None:
    (folder / "book.md").write_text("# One\n\nIt rained. It stopped.\n")
    reports: list[tuple[float, float | None]] = []

    async def report(
        progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        reports.append((progress, total))

    arguments = {"document": "book.md", "file": "book.mp3"}
    result = await client.call_tool("read_document", arguments, progress_callback=report)
    assert text_of(result) == "3 sentences read into book.mp3"
    assert reports[-1] == (3, 3)
    assert soundfile.info(folder / "book.mp3").duration > 0.5


async def test_book_becomes_an_audiobook(client: Client, folder: Path) -> None:
    (folder / "book.epub").write_bytes(epub3())
    said = await call(client, "read_document", document="book.epub", file="book.m4b")
    assert said.endswith("sentences read into book.m4b")
    with av.open(folder / "book.m4b") as book:
        assert len(book.chapters()) == 3


async def test_pdf_is_refused_by_name(client: Client, folder: Path) -> None:
    (folder / "book.pdf").write_bytes(b"%PDF-1.4")
    assert "PDF" in await refusal(client, "read_document", document="book.pdf", file="book.mp3")


async def test_mark_of_own_speech_is_asked_of_the_gateway(client: Client, folder: Path) -> None:
    await call(client, "speak", text="Good morning. " * 9, file="hello.flac")
    assert "marked" in await call(client, "check_mark", file="hello.flac")


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("speak", {"text": "Hi.", "file": "../out.wav"}, "only paths below"),
        ("speak", {"text": "Hi.", "file": "/tmp/out.wav"}, "only paths below"),
        ("speak", {"text": "Hi.", "file": "link/out.wav"}, "only paths below"),
        ("speak", {"text": "Hi.", "file": "out.exe"}, "must end in"),
        ("speak", {"text": "Hi.", "file": "no/out.wav"}, "no folder"),
        ("speak", {"text": "Hi."}, "give a file"),
        ("speak", {"text": "a" * 4097, "file": "a.wav"}, "read_document"),
        ("speak", {"text": "Hi.", "file": "a.wav", "voice": "nobody"}, "nobody"),
        ("make_voice", {"name": "X", "samples": ["none.wav"], "consent": "I agree."}, "no such"),
        ("make_voice", {"name": "X", "samples": [], "consent": "I agree."}, "at least one"),
        ("make_voice", {"name": "X", "samples": ["none.wav"], "consent": " "}, "consent"),
        ("read_document", {"document": "/etc/passwd", "file": "a.mp3"}, "only paths below"),
        ("check_mark", {"file": "none.wav"}, "no such file"),
    ],
)
async def test_bad_call_is_refused_by_name(
    client: Client, folder: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    (folder / "link").symlink_to("/tmp")
    assert said in await refusal(client, tool, **arguments)


async def test_gateway_that_is_away_is_named(folder: Path) -> None:
    settings = Settings.model_validate({"gateway_url": "http://127.0.0.1:1"})
    async with (
        Gateway(settings) as gateway,
        Client(build_server(gateway, folder, "rowan")) as client,
    ):
        assert "GATEWAY_URL" in await refusal(client, "list_voices")


async def test_command_serves_over_stdio(gateway_url: str, folder: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "cli", "mcp", "--folder", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "GATEWAY_URL": gateway_url, "API_KEY": KEY},
    )
    async with Client(server) as client:
        assert "rowan" in await call(client, "list_voices")
