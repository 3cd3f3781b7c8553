"""An MCP server: assistants speak, make voices and read documents through the gateway.

Files are read and written below one folder, named at the start; paths outside it are refused.
(Model Context Protocol, https://modelcontextprotocol.io)
"""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Literal, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from connectors.gateway import Gateway, GatewayError
from shared import __version__

T = TypeVar("T")

MAX_SPEECH_CHARACTERS = 4096
"""Limit of one call to speak; read_document takes longer texts."""
MAX_DOCUMENT_BYTES = 15 * 2**20
MAX_SAMPLE_BYTES = 16 * 2**20
SPEECH_FORMATS = ("mp3", "wav", "flac", "opus", "aac")
BOOK_FORMATS = (*SPEECH_FORMATS, "m4b", "zip")
PLAYERS = (("ffplay", "-autoexit", "-nodisp", "-loglevel", "error"), ("aplay", "-q"), ("afplay",))
"""Programs that play a sound file, the first that is installed."""
INSTRUCTIONS = """Speech in cloned voices. Ask list_voices for names; ash(2)+birch(1) blends two
parts of ash with one of birch. make_voice needs a statement by the speaker, or on the speaker's
behalf, that the voice may be cloned. Paths are relative to the folder of this server."""


class Folder:
    """The folder below which all files lie."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def path(self, given: str) -> Path:
        """Raises ToolError for a path that leads out of the folder, by .. or by a link."""
        path = (self.root / given).resolve()
        if path != self.root and not path.is_relative_to(self.root):
            raise ToolError(f"{given}: only paths below {self.root} can be used")
        return path

    def existing(self, given: str, max_bytes: int) -> Path:
        path = self.path(given)
        if not path.is_file():
            raise ToolError(f"{given}: no such file below {self.root}")
        if path.stat().st_size > max_bytes:
            raise ToolError(f"{given}: the file is larger than {max_bytes >> 20} MiB")
        return path

    def new(self, given: str, formats: tuple[str, ...]) -> tuple[Path, str]:
        """The path of a new sound file, and its format, by its suffix."""
        path = self.path(given)
        sound_format = path.suffix.lower().removeprefix(".")
        if sound_format not in formats:
            raise ToolError(f"{given}: the name must end in one of .{', .'.join(formats)}")
        if not path.parent.is_dir():
            raise ToolError(f"{given}: no folder {path.parent}; make it first")
        return path, sound_format

    def shown(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def build_server(gateway: Gateway, root: Path, default_voice: str) -> MCPServer[Any]:
    """root: the folder below which files are read and written."""
    folder = Folder(root)
    server: MCPServer[Any] = MCPServer("better-api", version=__version__, instructions=INSTRUCTIONS)

    @server.tool()
    async def list_voices() -> list[dict[str, Any]]:
        """List the voices: presets and those that were made, by name and id."""
        return await _asked(gateway.voices())

    @server.tool()
    async def speak(
        text: str,
        voice: str = default_voice,
        file: str = "",
        play: bool = False,
        speed: float = 1.0,
    ) -> str:
        """Say a text of up to 4096 characters. file: where the sound goes, such as hello.mp3; play:
        whether this machine's loudspeaker plays it. At least one of both."""
        if not (file or play):
            raise ToolError("give a file, such as hello.mp3, or play: true")
        if len(text) > MAX_SPEECH_CHARACTERS:
            raise ToolError(
                f"text: over {MAX_SPEECH_CHARACTERS} characters; save it as a file and call "
                "read_document"
            )
        with tempfile.TemporaryDirectory() as temporary:
            target, sound_format = (
                folder.new(file, SPEECH_FORMATS)
                if file
                else (Path(temporary) / "speech.wav", "wav")
            )
            await _asked(_speak_into(gateway, target, text, voice, sound_format, speed))
            if play:
                await _play(target)
            return f"spoken into {folder.shown(target)}" if file else "spoken aloud"

    @server.tool()
    async def make_voice(name: str, samples: list[str], consent: str) -> dict[str, Any]:
        """Make a voice from sound files of one person, a few seconds each. consent: who allowed
        this voice to be cloned, and for what; it is kept with the voice."""
        if not re.search(r"\w{2}", consent):
            raise ToolError("consent: state who allowed this voice to be cloned, and for what")
        if not samples:
            raise ToolError("samples: give at least one sound file")
        paths = [folder.existing(sample, MAX_SAMPLE_BYTES) for sample in samples]
        return await _asked(gateway.make_voice(name, paths, consent))

    @server.tool()
    async def read_document(
        document: str,
        file: str,
        context: Context[Any, Any],
        voice: str = default_voice,
        text_format: Literal["auto", "plain", "markdown", "ssml"] = "auto",
    ) -> str:
        """Read an EPUB, HTML, Markdown or text file of any length aloud, into a sound file such as
        book.mp3, or book.m4b with chapters. Progress is reported sentence by sentence."""
        source = folder.existing(document, MAX_DOCUMENT_BYTES)
        target, sound_format = folder.new(file, BOOK_FORMATS)

        async def report(done: int, sentences: int) -> None:
            await context.report_progress(done, sentences, f"{done} of {sentences} sentences")

        async def read() -> dict[str, Any]:
            job = await gateway.run_job(
                source, voice, sound_format, report, text_format=text_format
            )
            await gateway.job_sound(job["id"], target)
            return job

        job = await _asked(read())
        return f"{job['progress']['sentences']} sentences read into {folder.shown(target)}"

    @server.tool()
    async def check_mark(file: str) -> dict[str, Any]:
        """Check whether a sound file was made by this gateway: whether it carries its mark."""
        return await _asked(gateway.verify(folder.existing(file, MAX_SAMPLE_BYTES)))

    return server


async def _asked(work: Awaitable[T]) -> T:
    """The result of `work`; errors of the gateway and of files become ToolError."""
    try:
        return await work
    except (GatewayError, OSError) as error:
        raise ToolError(str(error)) from None


async def _speak_into(
    gateway: Gateway, target: Path, text: str, voice: str, sound_format: str, speed: float
) -> None:
    part = target.with_name(target.name + ".part")
    try:
        async with gateway.speech(text, voice, sound_format, speed=speed) as parts:
            with part.open("wb") as file:
                async for block in parts:
                    file.write(block)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def _play(path: Path) -> None:
    player = next((p for p in PLAYERS if shutil.which(p[0])), None)
    if player is None:
        names = ", ".join(name for name, *_ in PLAYERS)
        raise ToolError(f"no sound player is installed; install one of {names}")
    playing = await asyncio.create_subprocess_exec(
        *player,
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        if await playing.wait():
            raise ToolError(f"{player[0]} could not play the sound")
    finally:
        if playing.returncode is None:
            playing.kill()
