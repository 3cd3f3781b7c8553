"""The voice library: six presets that come with the program, and voices made by users."""

import re
import secrets
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, column, func, or_, select, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway_service.storage.database import Storage
from gateway_service.storage.tables import (
    MAX_KEY,
    MAX_NAME,
    VoiceRow,
    embed_bytes,
    embed_of,
)
from shared.http.errors import InvalidRequest, NotFound
from shared.http.tensors import Float32Array
from shared.voices import BadBlend, blend_parts, is_blend, mean_embed, sample_embeds

OPENAI_VOICES = {
    "alloy": "cedar",
    "ash": "ash",
    "ballad": "birch",
    "cedar": "cedar",
    "coral": "rowan",
    "echo": "birch",
    "fable": "birch",
    "marin": "elm",
    "nova": "rowan",
    "onyx": "ash",
    "sage": "hazel",
    "shimmer": "elm",
    "verse": "birch",
}
"""Presets that stand in for OpenAI's voices."""
_ID = re.compile(r"voice_[0-9a-f]{16}")
_LISTED_IN_ERROR = 20
_NEWEST_FIRST = (VoiceRow.created_at.desc(), VoiceRow.id)
_ONE_AT_A_TIME: Select[Any] = select(column("version_num")).select_from(table("alembic_version"))
"""Selects a row that always exists. MariaDB locks it, which serialises transactions."""


@dataclass(frozen=True)
class ListedVoice:
    """created_at: Unix milliseconds, 0 for a preset."""

    id: str
    name: str
    created_at: int = 0
    preset: bool = False


@dataclass(frozen=True, kw_only=True)
class Voice(ListedVoice):
    """embed: [256], unit length. consent, samples: kept from its making; empty for a preset."""

    embed: Float32Array
    consent: str = ""
    samples: Sequence[dict[str, Any]] = field(default_factory=tuple)


@cache
def presets() -> dict[str, Voice]:
    """Presets by name. Their ids are the same in every gateway."""
    return {
        name: Voice(_preset_id(name), name, preset=True, embed=embed)
        for name, embed in sample_embeds().items()
    }


def _preset_id(name: str) -> str:
    return f"voice_{sha256(name.encode()).hexdigest()[:16]}"


def find_preset(name_or_id: str) -> Voice | None:
    """Find a preset without the database, so without blocking."""
    if preset := presets().get(_key(name_or_id)):
        return preset
    return next((preset for preset in presets().values() if preset.id == name_or_id), None)


class VoiceLibrary:
    """Voices in the database. Names ignore case.

    Every method may block and raise StorageUnavailable, except `find` for a preset. max_voices:
    limit for voices made by users.
    """

    def __init__(self, storage: Storage, max_voices: int = 1000) -> None:
        self._storage = storage
        self._max_voices = max_voices

    def find(self, name_or_id: str) -> Voice:
        """Find a voice by name or id. Raises NotFound. Presets need no database."""
        if preset := find_preset(name_or_id):
            return preset
        with self._storage.read_session() as session:
            row = session.scalar(_matching(name_or_id))
        if row is not None:
            return _voice(row)
        if same_for_openai := OPENAI_VOICES.get(_key(name_or_id)):
            return presets()[same_for_openai]
        raise self._not_found(name_or_id)

    def check_new(self, name: str) -> str:
        """The name in its normal form.

        Raises InvalidRequest for an invalid or taken name, or if the library is full; StorageFull.
        """
        self._storage.require_space()
        name = _checked(name)
        if _key(name) in presets():
            raise _taken(_is_presets(name))
        with self._storage.read_session() as session:
            if session.scalar(_matching(name)) is not None:
                raise _taken(_there_is(name))
            self._check_room(session)
        return name

    def _check_room(self, session: Session) -> None:
        if _count(session) >= self._max_voices:
            raise InvalidRequest(
                f"there are {self._max_voices} voices, the limit (MAX_VOICES); delete one",
                code="too_many_voices",
            )

    def add(
        self,
        name: str,
        embed: Float32Array,
        consent: str,
        samples: Sequence[dict[str, Any]],
        created_at: int | None = None,
    ) -> Voice:
        """Store a new voice.

        embed: [256]. samples: the verdict on each. created_at: Unix milliseconds, now if None.
        Raises InvalidRequest as `check_new`.
        """
        name = self.check_new(name)
        row = VoiceRow(
            id=f"voice_{secrets.token_hex(8)}",
            name=name,
            key=_key(name),
            embed=embed_bytes(embed),
            consent=consent,
            samples=[*samples],
            created_at=time.time_ns() // 1_000_000 if created_at is None else created_at,
        )
        try:
            with self._storage.session() as session:
                session.execute(_ONE_AT_A_TIME.with_for_update())
                self._check_room(session)
                session.add(row)
        except IntegrityError:  # another request has just taken the name
            raise _taken(_there_is(name)) from None
        return _voice(row)

    def remove(self, name_or_id: str) -> Voice:
        """Delete and return a voice. Raises NotFound, and InvalidRequest for a preset."""
        voice = self.find(name_or_id)
        _refuse_preset(voice, "deleted")
        with self._storage.session() as session:
            if row := session.get(VoiceRow, voice.id):
                session.delete(row)
        if row is None:  # another request was faster
            raise self._not_found(name_or_id)
        return voice

    def rename(self, name_or_id: str, name: str) -> Voice:
        """Give a voice another name; its id stays.

        Raises NotFound, and InvalidRequest for a preset, or for an invalid or taken name.
        """
        voice = self.find(name_or_id)
        _refuse_preset(voice, "renamed")
        name = _checked(name)
        if _key(name) in presets():
            raise _taken(_is_presets(name))
        try:
            with self._storage.session() as session:
                row = session.get(VoiceRow, voice.id)
                if row is not None:
                    row.name, row.key = name, _key(name)
        except IntegrityError:
            raise _taken(_there_is(name)) from None
        if row is None:  # another request has just deleted it
            raise self._not_found(name_or_id)
        return replace(voice, name=name)

    def list(self) -> Sequence[ListedVoice]:
        """The presets, then the other voices, newest first."""
        listed = select(VoiceRow.id, VoiceRow.name, VoiceRow.created_at).order_by(*_NEWEST_FIRST)
        with self._storage.read_session() as session:
            return [*presets().values(), *(ListedVoice(*row) for row in session.execute(listed))]

    def _not_found(self, asked: str) -> NotFound:
        newest = select(VoiceRow.name).order_by(*_NEWEST_FIRST).limit(_LISTED_IN_ERROR)
        with self._storage.read_session() as session:
            names = [*presets(), *session.scalars(newest)][:_LISTED_IN_ERROR]
            left_out = len(presets()) + _count(session) - len(names)
        shown = ", ".join(names)
        more = f" and {left_out} more" if left_out > 0 else ""
        return NotFound(
            f"voice: no voice {asked[:MAX_NAME]!r}; the voices are {shown}{more} "
            "(GET /v1/audio/voices)",
            param="voice",
            code="voice_not_found",
        )


def find_voice_or_blend(library: VoiceLibrary, asked: str) -> Voice:
    """Look up a voice by name or ID, or mix the voices of a blend.

    A voice whose own name looks like a blend is found first.
    Raises NotFound, InvalidRequest for a faulty blend, and StorageUnavailable.
    """
    try:
        return library.find(asked)
    except NotFound:
        if not is_blend(asked):
            raise
    try:
        parts = blend_parts(asked)
    except BadBlend as error:
        raise InvalidRequest(f"voice: {error}", param="voice", code="invalid_blend") from None
    embeds = [library.find(name).embed for name, _ in parts]
    name = " ".join(asked.split())[:MAX_NAME]
    return Voice(id="", name=name, embed=mean_embed(embeds, [weight for _, weight in parts]))


def _voice(row: VoiceRow) -> Voice:
    return Voice(
        row.id,
        row.name,
        row.created_at,
        embed=embed_of(row.embed),
        consent=row.consent,
        samples=row.samples,
    )


def _count(session: Session) -> int:
    return session.scalar(select(func.count(VoiceRow.id))) or 0


def _key(name: str) -> str:
    """name: at most MAX_VOICE_CHARACTERS, because normalisation takes quadratic time."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()


def _matching(name_or_id: str) -> Select[VoiceRow]:
    return select(VoiceRow).where(or_(VoiceRow.id == name_or_id, VoiceRow.key == _key(name_or_id)))


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not 1 <= len(name) <= MAX_NAME:
        problem = f"has {len(name)} characters; choose one of 1 to {MAX_NAME}"
    elif len(_key(name)) > MAX_KEY:
        problem = "is too long once its ligatures are expanded; choose a shorter one"
    elif not name.isprintable() or "/" in name:
        problem = "has a character that is not allowed; use letters, digits, spaces and -"
    elif not name[0].isalnum():
        problem = "must begin with a letter or a digit"
    elif _ID.fullmatch(_key(name)):
        problem = "looks like a voice's id; choose another"
    else:
        return name
    raise InvalidRequest(f"name: {problem}", param="name", code="invalid_name")


def _refuse_preset(voice: Voice, change: str) -> None:
    if voice.preset:
        raise InvalidRequest(
            f"{voice.name} is a preset voice, which cannot be {change}",
            param="voice",
            code="preset_voice",
        )


def _is_presets(name: str) -> str:
    return f"name: {name!r} is a preset voice's; choose another name"


def _there_is(name: str) -> str:
    return f"name: a voice {name!r} exists already; choose another name, or delete that voice"


def _taken(message: str) -> InvalidRequest:
    # Not 409: OpenAI's client would send the same again.
    return InvalidRequest(message, param="name", code="voice_exists")
