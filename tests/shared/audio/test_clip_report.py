from pydantic import TypeAdapter

from shared.audio.clip_report import ClipReport

MEASURED = {
    "seconds": 6.0,
    "voiced_seconds": 5.0,
    "clipped_share": 0.0,
    "level_dbfs": -20.0,
    "snr_db": 40.0,
}


def test_report_of_an_older_encoder_lacks_later_fields() -> None:
    report = TypeAdapter(ClipReport).validate_python(MEASURED)
    assert (report.offset, report.part_likeness, report.warnings) == (0, None, ())


def test_every_measurement_is_described_and_promised_in_the_response() -> None:
    schema = TypeAdapter(ClipReport).json_schema(mode="serialization")
    assert set(schema["required"]) == set(schema["properties"])
    assert all(field["description"] for field in schema["properties"].values())
