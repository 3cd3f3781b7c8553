"""The wheel's layout: the repository's packages as parts of `better_api`, with the files they read.

In the repository, packages import each other by short names, such as `shared.http.errors`. In
site-packages, `shared`, `client` or `cli` would collide with those of other distributions. So the
build moves them into `better_api`, and rewrites the names in import statements, and in string
literals that name a module, such as "cli.speak" or "deploy.ray.proxy:middleware". The result is
plain Python: no import hook, no change to sys.path, and type checkers and tracebacks see it as it
is. The rewriting works on the syntax tree, so comments and prose stay as they are, and a form that
it does not know ends the build.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "better_api"
DATA = ("checkpoints", "samples", "gunicorn.conf.py")
"""Files of the repository that the apps read, besides those of the packages."""
_OF_THE_BUILD = ("deploy/wheel.py", "deploy/release.py")
"""Modules of use in the repository alone."""
_IGNORED = shutil.ignore_patterns(".*", "*.part", "__pycache__")


class NotRewritable(Exception):
    """A module names another in a form that cannot be rewritten."""


def arrange(build: Path, repository: Path) -> None:
    """Turn a build of the repository's packages into that of `better_api` alone.

    build: setuptools' folder, with a folder for each package. Raises NotRewritable.
    """
    target = build / PACKAGE
    names = Names(build)
    for package in names.packages:
        (build / package).rename(target / package)
    for name in _OF_THE_BUILD:
        (target / name).unlink()
    for name in DATA:
        if (repository / name).is_dir():
            shutil.copytree(repository / name, target / name, ignore=_IGNORED)
        else:
            shutil.copy(repository / name, target / name)
    for file in target.rglob("*.py"):
        file.write_bytes(names.rewritten(file.read_bytes(), str(file)))
    for file in target.rglob("*.yaml"):
        file.write_text(re.sub(r"(?<=import_path: )(?=\w)", f"{PACKAGE}.", file.read_text()))


class Names:
    """The names of the modules below a folder. packages: those at its top, but `better_api`."""

    def __init__(self, folder: Path) -> None:
        self.packages = sorted(
            path.name for path in folder.iterdir() if path.is_dir() and path.name != PACKAGE
        )
        self._modules = {
            ".".join(path.relative_to(folder).with_suffix("").parts)
            for path in folder.rglob("*")
            if path.is_dir() or path.suffix == ".py"
        }
        self._reference = re.compile(rf"((?:{'|'.join(self.packages)})\.\w+)[\w.]*(?::\w+)?")

    def rewritten(self, source: bytes, name: str) -> bytes:
        """The source with `better_api.` before the names of our modules. name: for errors."""
        lines = source.splitlines(keepends=True)
        found: dict[tuple[int, int], str] = {}
        for node in ast.walk(ast.parse(source)):
            for line, column, module in self._written_names(node, name):
                found[line - 1, column] = module
        for (row, column), module in sorted(found.items(), reverse=True):
            before, after = lines[row][:column], lines[row][column:]
            if not after.startswith(module.encode()):
                raise NotRewritable(f"{name}:{row + 1}: {module!r} is not written in one piece")
            lines[row] = before + f"{PACKAGE}.".encode() + after
        return b"".join(lines)

    def _written_names(self, node: ast.AST, file: str) -> Iterator[tuple[int, int, str]]:
        """Line, column in bytes, and text of each name of ours that stands in a node itself."""
        if isinstance(node, ast.ImportFrom) and self._is_ours(node.module):
            yield node.lineno, node.col_offset + len("from "), node.module or ""
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if self._is_ours(alias.name):
                    if not alias.asname:
                        reason = f"{alias.name} is imported without `from` or `as`"
                        raise NotRewritable(f"{file}:{node.lineno}: {reason}")
                    yield alias.lineno, alias.col_offset, alias.name
        elif isinstance(node, ast.Constant) and self._names_module(node.value):
            yield node.lineno, node.col_offset + 1, str(node.value)  # after the quotation mark

    def _is_ours(self, module: str | None) -> bool:
        return (module or "").partition(".")[0] in self.packages

    def _names_module(self, value: object) -> bool:
        match = self._reference.fullmatch(value) if isinstance(value, str) else None
        return match is not None and match[1] in self._modules
