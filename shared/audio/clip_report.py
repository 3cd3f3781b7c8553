"""The encoder's measurements of a clip: one class for its response and for those who read it."""

from dataclasses import dataclass

from pydantic import ConfigDict


@dataclass(frozen=True)
class ClipReport:
    """Measurements of a clip, and advice."""

    __pydantic_config__ = ConfigDict(
        use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )

    seconds: float
    """Length of the part that was used."""
    voiced_seconds: float
    """Seconds left when long silences are cut."""
    clipped_share: float
    """0 to 1: samples at full scale."""
    level_dbfs: float
    """RMS of the voice, or of the whole clip without one; -120 at the lowest."""
    snr_db: float
    """0 to 60: voice over the quietest tenth of the clip. Too low for a speaker without pauses."""
    offset: float = 0.0
    """0 to 1: mean distance of the waveform's centre from 0. Removed if it matters."""
    tone_share: float = 0.0
    """0 to 1: voiced parts that hold steady tones, as music does."""
    part_likeness: float | None = None
    """0 to 1: cosine of the two parts of the clip that differ most; under 0.75 more than one person
    seems to speak. null for a clip under 4 s of voice."""
    warnings: tuple[str, ...] = ()
    """Faults that make the embedding a worse likeness, each with its remedy."""
    notes: tuple[str, ...] = ()
    """Repairs made to the clip."""
