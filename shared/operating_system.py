"""Differences of Linux, macOS and Windows: locks, processes, cores, folders.

Other modules call these functions, so that they import nothing that one of the systems lacks.
"""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

HAS_GUNICORN = find_spec("fcntl") is not None
"""gunicorn forks and needs fcntl; on Windows uvicorn serves alone."""
_LOCK_POLL_SECONDS = 0.1


def lock_file(file: IO[Any], wait: bool = True) -> None:
    """Lock an open file for this process, until it is closed.

    wait: for another process to close it; else raises BlockingIOError.
    """
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(file, wait)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _lock_on_windows(file: IO[Any], wait: bool) -> None:
    msvcrt: Any = __import__("msvcrt")
    position = file.tell()
    while True:
        try:
            file.seek(2**31 - 2)  # a byte beyond the content, so that the content stays readable
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return
        except OSError:
            if not wait:
                raise BlockingIOError("another process has locked the file") from None
            time.sleep(_LOCK_POLL_SECONDS)
        finally:
            file.seek(position)


def available_cores() -> int:
    """Cores that this process may use; on macOS and Windows, those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def own_group() -> dict[str, Any]:
    """Arguments of subprocess.Popen that keep Ctrl-C from the child and its children."""
    if hasattr(os, "killpg"):
        return {"process_group": 0}
    return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}


def ask_to_stop(child: subprocess.Popen[Any]) -> None:
    """Send a child of `own_group` the signal after which it finishes its requests."""
    child.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def kill_group(child: subprocess.Popen[Any]) -> None:
    """Kill a child of `own_group`, and on Linux and macOS its children, even if it has ended."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except (ProcessLookupError, PermissionError):  # macOS: PermissionError for a group of zombies
        pass


def data_folder() -> Path:
    """The user's folder for the data of an installed program; it may not exist yet."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library/Application Support/better-api"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "better-api"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "better-api"
