import pytest

from shared.text.say_as import written_as


@pytest.mark.parametrize(
    ("text", "kind", "format_", "written"),
    [
        ("1", "ordinal", "", "1st"),
        ("112", "ordinal", "", "112th"),
        ("23", "ordinal", "", "23rd"),
        ("third", "ordinal", "", "third"),
        ("1984", "cardinal", "", "1,984"),
        ("1984", "number", "", "1,984"),
        ("2+1/2", "fraction", "", "2 1/2"),
        ("damn", "expletive", "", "beep"),
        ("10/11/12", "date", "mdy", "October 11, 2012"),
        ("10/11/12", "date", "dmy", "November 10, 2012"),
        ("2024-01-15", "date", "ymd", "January 15, 2024"),
        ("20240115", "date", "yyyymmdd", "January 15, 2024"),
        ("12-25", "date", "md", "December 25"),
        ("1984", "date", "y", "1984"),
        ("06/1984", "date", "my", "June 1984"),
        ("10/11/12", "date", "", "10/11/12"),
        ("13/13/12", "date", "mdy", "13/13/12"),
        ("10/11", "date", "mdy", "10/11"),
        ("anything", "unknown", "", "anything"),
    ],
)
def test_content_is_written_as_its_kind(text: str, kind: str, format_: str, written: str) -> None:
    assert written_as(text, kind, format_) == written
