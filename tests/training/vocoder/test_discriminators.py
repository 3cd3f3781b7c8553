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


def test_every_discriminator_scores_a_batch() -> None:
    outputs = Discriminators(DISCRIMINATORS)(waves(2))
    assert len(outputs) == 3
    assert [len(verdict.features) for verdict in outputs] == [2, 2, 4]
    assert all(len(verdict.score) % 2 == 0 for verdict in outputs)


def test_real_half_equals_the_verdicts_on_real_sound_alone() -> None:
    networks, both = Discriminators(DISCRIMINATORS), waves(4)
    alone, of_both = networks(both[:2]), real_half(networks(both))
    for one, other in zip(alone, of_both, strict=True):
        assert torch.allclose(one.score, other.score, atol=1e-6)
        assert all(map(torch.allclose, one.features, other.features))
        assert not other.score.requires_grad


def test_features_are_channels_last() -> None:
    for verdict in Discriminators(DISCRIMINATORS)(waves(2)):
        for layer in verdict.features:
            assert layer.is_contiguous(memory_format=torch.channels_last)


def test_hinge_loss_is_zero_beyond_its_margins() -> None:
    assert discriminator_loss(verdicts(1.5, -2.0)) == 0
    assert discriminator_loss(verdicts(0.5, -2.0)) == pytest.approx(0.5)
    assert discriminator_loss(verdicts(0.5, 0.0)) == pytest.approx(1.5)
    assert adversarial_loss(verdicts(0.5, 0.0)) == pytest.approx(-0.25)


def test_feature_loss_is_relative_to_the_real_features() -> None:
    quiet = feature_loss(verdicts(0.1, 0.3), verdicts(0.2, 0.2))
    loud = feature_loss(verdicts(1.0, 3.0), verdicts(2.0, 2.0))
    assert quiet == pytest.approx(0.5, rel=1e-2)
    assert loud == pytest.approx(0.5, rel=1e-2)
    assert feature_loss(verdicts(1.0, 2.0), verdicts(1.0, 2.0)) == 0


def test_discriminators_learn_to_tell_generated_sound() -> None:
    torch.manual_seed(0)
    networks = Discriminators(DISCRIMINATORS)
    optimizer = torch.optim.AdamW(networks.parameters(), lr=1e-2)
    both = torch.cat([waves(2), 0.2 * waves(2)])
    first = discriminator_loss(networks(both)).item()
    for _ in range(30):
        loss = discriminator_loss(networks(both))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.5 * first
