import pytest
import torch
from torch import Tensor

from tests.support.tiny_training import DISCRIMINATORS
from training.vocoder.discriminators import (
    Discriminators,
    Verdict,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    real_half,
)


def verdicts(*scores: float) -> list[Verdict]:
    return [Verdict(torch.tensor(scores), [torch.tensor(scores)])]


def waves(count: int, samples: int = 1_401) -> Tensor:
    return torch.randn(count, samples, generator=torch.Generator().manual_seed(0))


def test_every_discriminator_judges_a_batch() -> None:
    judged = Discriminators(DISCRIMINATORS)(waves(2))
    assert len(judged) == 3
    assert [len(verdict.features) for verdict in judged] == [2, 2, 4]
    assert all(len(verdict.score) % 2 == 0 for verdict in judged)


def test_recordings_come_first_in_each_layer() -> None:
    judges, both = Discriminators(DISCRIMINATORS), waves(4)
    alone, of_both = judges(both[:2]), real_half(judges(both))
    for one, other in zip(alone, of_both, strict=True):
        assert torch.allclose(one.score, other.score, atol=1e-6)
        assert all(map(torch.allclose, one.features, other.features))
        assert not other.score.requires_grad


def test_features_lie_channel_by_channel_in_memory() -> None:
    for verdict in Discriminators(DISCRIMINATORS)(waves(2)):
        for layer in verdict.features:
            assert layer.is_contiguous(memory_format=torch.channels_last)


def test_hinge_is_without_loss_beyond_its_margins() -> None:
    assert discriminator_loss(verdicts(1.5, -2.0)) == 0
    assert discriminator_loss(verdicts(0.5, -2.0)) == pytest.approx(0.5)
    assert discriminator_loss(verdicts(0.5, 0.0)) == pytest.approx(1.5)
    assert adversarial_loss(verdicts(0.5, 0.0)) == pytest.approx(-0.25)


def test_features_count_beside_the_size_of_the_real_ones() -> None:
    quiet = feature_loss(verdicts(0.1, 0.3), verdicts(0.2, 0.2))
    loud = feature_loss(verdicts(1.0, 3.0), verdicts(2.0, 2.0))
    assert quiet == pytest.approx(0.5, rel=1e-2)
    assert loud == pytest.approx(0.5, rel=1e-2)
    assert feature_loss(verdicts(1.0, 2.0), verdicts(1.0, 2.0)) == 0


def test_discriminators_learn_what_is_made() -> None:
    torch.manual_seed(0)
    judges = Discriminators(DISCRIMINATORS)
    optimizer = torch.optim.AdamW(judges.parameters(), lr=1e-2)
    both = torch.cat([waves(2), 0.2 * waves(2)])
    first = discriminator_loss(judges(both)).item()
    for _ in range(30):
        loss = discriminator_loss(judges(both))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.5 * first
