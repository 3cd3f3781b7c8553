import pytest

from vocoder_service.settings import NetworkName, Settings


@pytest.mark.parametrize(("network", "threads"), [("vocos", 3), ("wavernn", None)])
def test_requests_share_threads_with_vocos_and_have_one_each_with_wavernn(
    network: NetworkName, threads: int | None
) -> None:
    assert Settings(vocoder=network, vocoder_threads=3).compute_threads == threads
