"""Python without what Windows lacks. A process imports this first if PYTHONPATH has its folder."""

import os
import signal
import subprocess  # noqa: F401  # before msvcrt, by which it tells which system this is
import sys
from types import SimpleNamespace
from typing import Any, cast

MODULES = ["fcntl", "grp", "pty", "resource", "syslog", "termios", "tty"]
OF_OS = ["fork", "forkpty", "getloadavg", "getpgid", "getuid", "geteuid", "getgid", "killpg"]
OF_OS += ["pread", "sched_getaffinity", "setsid", "sysconf"]
OF_OS += ["O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"]
# Not SIGKILL and statvfs, which subprocess and shutil use here and not on Windows.
OF_SIGNAL = ["SIGALRM", "SIGBUS", "SIGCHLD", "SIGHUP", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2"]
OF_SIGNAL += ["SIGXCPU", "SIGXFSZ", "pthread_sigmask", "setitimer"]


def locking(file: int, _: int, size: int) -> None:
    os.lockf(file, os.F_TLOCK, size)


for name in MODULES:
    sys.modules[name] = cast(Any, None)  # an import raises ModuleNotFoundError
sys.modules["msvcrt"] = cast(Any, SimpleNamespace(LK_NBLCK=2, locking=locking))
for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
os.supports_dir_fd = set()
