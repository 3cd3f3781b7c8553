"""`better serve` as a process, from a checkout or from an installed package."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import START_SECONDS, free_port_base


@contextmanager
def better_serve(
    better: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Gives the variables that it prints for clients once it is ready, such as GATEWAY_URL.

    better: the command before `serve`. environment: with PYTHONUNBUFFERED.
    """
    with subprocess.Popen(
        [*better, "serve", "--port-base", str(free_port_base())],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as serve:
        try:
            assert serve.stdout
            shown = ""
            while not shown.startswith("For `better`"):
                shown = serve.stdout.readline()
                assert shown, "better serve ended"
            yield dict(re.findall(r"(\w+)=(\S+)", shown))
        finally:
            serve.terminate()
            assert serve.wait(START_SECONDS) is not None
