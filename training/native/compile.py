"""C++ kernels, compiled at first use for this CPU and cached in ~/.cache/better-api."""

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from torch import Tensor

log = logging.getLogger("better")

SOURCES = Path(__file__).parent
# -ffast-math vectorises exp. Linking without it omits start-up code that flushes denormals.
COMPILE = ["-c", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-std=c++17"]
LINK = ["-shared", "-fopenmp"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "better-api"


@cache
def compiled(name: str) -> ctypes.CDLL | None:
    """The library of NAME.cpp; None, with a warning, where it cannot be compiled."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        log.warning("no C++ compiler found: training is slower; install g++")
        return None
    source = SOURCES / f"{name}.cpp"
    try:
        library = CACHE / f"{name}-{_fingerprint(source)}.so"
        if not library.exists():
            _build(compiler, source, library)
        return ctypes.CDLL(os.fspath(library))
    except subprocess.CalledProcessError as error:
        reason = _first_error(error.stderr.decode(errors="replace"))
    except OSError as error:
        reason = str(error)
    log.warning("training/native/%s.cpp: %s; training is slower", name, reason)
    return None


def _first_error(output: str) -> str:
    """The first error in a compiler's output. The sources name instructions that a CPU lacks."""
    _, found, rest = output.partition("error: ")
    return (rest if found else output).partition("\n")[0].removeprefix("#error ")


def _fingerprint(source: Path) -> str:
    """A hash of the source, the headers, the compiler options and the CPU's instructions."""
    cpuinfo = Path("/proc/cpuinfo")
    cpu = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = next((line for line in cpu.splitlines() if line.startswith("flags")), "")
    code = b"".join(file.read_bytes() for file in (source, *sorted(SOURCES.glob("*.h"))))
    options = " ".join([*COMPILE, *LINK, flags])
    return hashlib.sha256(code + options.encode()).hexdigest()[:16]


def _build(compiler: str, source: Path, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        object_file, linked = Path(folder, "code.o"), Path(folder, "code.so")
        steps: list[list[str | Path]] = [
            [*COMPILE, source, "-o", object_file],
            [*LINK, object_file, "-o", linked],
        ]
        for arguments in steps:
            subprocess.run([compiler, *arguments], check=True, capture_output=True)
        linked.replace(library)


def panels(weight: Tensor, columns: int) -> Tensor:
    """[inputs, outputs] -> [outputs / columns, inputs, columns], the kernels' layout."""
    return weight.reshape(len(weight), -1, columns).transpose(0, 1).contiguous()


def paired_panels(weight: Tensor, native: ctypes.CDLL) -> Tensor:
    """[inputs, outputs] -> [outputs / n, inputs / 2, n, 2] in bfloat16, the layout of
    `native`'s kernels."""
    columns = native.columns_multiple()
    blocks = panels(weight.bfloat16(), columns)
    return blocks.view(len(blocks), -1, 2, columns).transpose(2, 3).contiguous()


def pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def longs(*numbers: int) -> tuple[ctypes.c_long, ...]:
    return tuple(map(ctypes.c_long, numbers))
