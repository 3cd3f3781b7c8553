from typing import Any

import torch

from tests.support.tiny_training import tiny_task
from training.data.clips import ClipFolder
from training.synthesizer.scheduled_sampling import MEAN_LEVEL, forward, mix_frames


def test_forward_matches_the_services(data: ClipFolder) -> None:
    tiny: Any = tiny_task("synthesizer", data, 10)
    model, batch = tiny.model.eval(), tiny.batch(0)
    torch.manual_seed(1)
    mel, refined, attention, stop = model(batch.chars, batch.mel, batch.embeds)
    torch.manual_seed(1)
    ours = forward(model, batch, refine=True)
    # bfloat16 has 8 bits: encoder and postnet round to about 0.4 %.
    for expected, got in zip(
        (mel, refined, attention, stop),
        (ours.mel, ours.refined, ours.attention, ours.stop),
        strict=True,
    ):
        assert got is not None
        torch.testing.assert_close(got, expected, atol=0.05, rtol=0.05)


def test_each_utterance_has_its_own_share_of_predicted_frames() -> None:
    torch.manual_seed(0)
    true, predicted = torch.zeros(200, 300, 80), torch.ones(200, 300, 80)
    mixed = mix_frames(true, predicted, frame_dropout=0)
    assert torch.equal(mixed.amin(dim=2), mixed.amax(dim=2))  # frames stay whole
    shares = mixed[:, :, 0].mean(dim=0)
    assert shares.min() < 0.2
    assert 0.6 < shares.mean() < 0.75
    assert shares.max() > 0.8


def test_dropped_frames_are_constant() -> None:
    torch.manual_seed(0)
    frames = torch.zeros(1_000, 10, 80)
    mixed = mix_frames(frames, frames, frame_dropout=0.2)
    dropped = (mixed == MEAN_LEVEL).all(dim=2)
    assert torch.equal(dropped, (mixed != 0).any(dim=2))
    assert 0.15 < dropped.float().mean() < 0.25
