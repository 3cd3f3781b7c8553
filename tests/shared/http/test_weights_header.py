"""The header in which a service states its weights."""

import pytest

from shared.checkpoints.loading import weights_sha256
from shared.http.weights_header import HEADER
from tests.conftest import REPOSITORY, Service


@pytest.mark.parametrize(
    ("name", "folder"),
    [("encoder", "encoder"), ("synthesizer", "synthesizer"), ("vocoder", "vocos")],
)
def test_service_states_its_weights(service: Service, name: str, folder: str) -> None:
    for path in ("/health/ready", "/nowhere"):
        stated = service(name).get(path).headers[HEADER]
        assert stated == weights_sha256(REPOSITORY / "checkpoints" / folder)


def test_gateway_has_no_weights_to_state(service: Service) -> None:
    assert HEADER not in service("gateway").get("/health/ready").headers
