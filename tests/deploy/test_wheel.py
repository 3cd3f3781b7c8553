"""The names of modules in a wheel. tests/system/test_wheel.py builds and installs one."""

from pathlib import Path

import pytest

from deploy.wheel import Names, NotRewritable


@pytest.fixture
def names(tmp_path: Path) -> Names:
    for file in ("better_api/__init__.py", "shared/http/errors.py", "cli/speak.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return Names(tmp_path)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("from shared import http", "from better_api.shared import http"),
        ("from shared.http.errors import A", "from better_api.shared.http.errors import A"),
        ("import cli.speak as s, os", "import better_api.cli.speak as s, os"),
        ("if 1:\n    from cli import speak", "if 1:\n    from better_api.cli import speak"),
        ("x = 'é', 'cli.speak'", "x = 'é', 'better_api.cli.speak'"),
        ("x = 'shared.http.errors:app'", "x = 'better_api.shared.http.errors:app'"),
        ("x = ['cli.speak', 'cli.speak']", "x = ['better_api.cli.speak', 'better_api.cli.speak']"),
    ],
)
def test_name_of_a_module_gets_the_package_before_it(
    names: Names, source: str, wanted: str
) -> None:
    assert names.rewritten(source.encode(), "file").decode() == wanted


@pytest.mark.parametrize(
    "source",
    [
        "from . import http",
        "from sharedness import x",
        "x = 'cli'",
        "x = 'cli.unknown'",
        "x = 'see cli.speak'",
        "x = cli.speak",
        "# cli.speak",
    ],
)
def test_other_text_stays(names: Names, source: str) -> None:
    assert names.rewritten(source.encode(), "file").decode() == source


@pytest.mark.parametrize(
    "source", ["import cli.speak", "from  shared import http", "x = '''cli.speak'''"]
)
def test_form_that_cannot_be_rewritten_ends_the_build(names: Names, source: str) -> None:
    with pytest.raises(NotRewritable, match="file:1"):
        names.rewritten(source.encode(), "file")
