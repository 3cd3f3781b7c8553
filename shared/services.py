"""The apps: one table of their names, ports and URL settings.

To add a service, add an entry to SERVICES and a package `<name>_service`. The processes of
`better serve`, the URL settings of the client and the gateway, and the checks of readiness follow.
"""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8000
_PREFIX = __name__.rpartition("shared")[0]
"""Prefix of module names: empty in the repository, better_api. in a wheel."""


@dataclass(frozen=True)
class App:
    """One app. port_offset: its port less the gateway's, under `better serve`."""

    name: str
    port_offset: int

    @property
    def package(self) -> str:
        return f"{self.name}_service"

    @property
    def module(self) -> str:
        """Full name of the package, for imports."""
        return f"{_PREFIX}{self.package}"

    @property
    def url_setting(self) -> str:
        """The environment variable with the app's address."""
        return f"{self.name.upper()}_URL"

    @property
    def default_url(self) -> str:
        """The app's address under `better serve` without options."""
        return f"http://127.0.0.1:{DEFAULT_PORT + self.port_offset}"


GATEWAY = App("gateway", 0)
SERVICES = {app.name: app for app in (App("encoder", 1), App("synthesizer", 2), App("vocoder", 3))}
"""The services behind the gateway by name, in the order of the chain."""


def all_apps() -> dict[str, App]:
    """The gateway and the services, by name."""
    return {GATEWAY.name: GATEWAY, **SERVICES}


def installed_apps(root: Path) -> list[str]:
    """Names of the apps whose package lies in `root`; an image holds one."""
    return [app.name for app in all_apps().values() if (root / app.package / "app.py").exists()]


def url_settings(urls: dict[str, str]) -> dict[str, str]:
    """Environment variables with the apps' addresses. urls: by app."""
    return {all_apps()[name].url_setting: url for name, url in urls.items()}
