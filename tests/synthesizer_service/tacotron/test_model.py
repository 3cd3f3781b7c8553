import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close

from shared.checkpoints.hparams import hparams_from
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import Generated, PreNet, Tacotron, trim_silence

TINY = Hparams(
    embed_dims=12,
    encoder_dims=8,
    decoder_dims=8,
    postnet_dims=12,
    encoder_K=3,
    lstm_dims=16,
    postnet_K=3,
    num_highways=1,
    speaker_embedding_size=6,
)
R = 2  # frames a step, as in a new model
LENGTHS = (9, 30, 3, 17)
NEVER = -1e9  # as the stop token's bias
BY_CHANCE = 3.0


def tiny(stop_bias: float = NEVER, **changes: Any) -> Tacotron:
    """A random model, its products scaled up so that attention has peaks and noise feeds back."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Tacotron(replace(TINY, **changes)).eval().requires_grad_(False)
    model.decoder.attn_net.v.weight *= 10
    model.decoder.mel_proj.weight *= 30
    model.decoder.stop_proj.weight *= 10
    model.decoder.stop_proj.weight[:, TINY.lstm_dims :] = 0  # the speaker would outweigh the rest
    model.decoder.stop_proj.bias.fill_(stop_bias)
    return model


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def some_chars(length: int, seed: int = 0) -> Tensor:
    return torch.randint(1, TINY.num_chars, (length,), generator=seeded(seed))


def padded(rows: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def some_embeds(count: int) -> Tensor:
    return torch.rand(count, TINY.speaker_embedding_size, generator=seeded(1))


def speak(model: Tacotron, seed: int = 0, max_frames: int = 40) -> Generated:
    """One utterance."""
    return model.generate(some_chars(9)[None], some_embeds(1), [seeded(seed)], max_frames)


# Equality with RTVC


@dataclass(frozen=True)
class Golden:
    hparams: Hparams
    state_dict: dict[str, Tensor]
    arrays: dict[str, Tensor]


@pytest.fixture(scope="module")
def rtvc(golden: Path) -> Golden:
    arrays = dict(np.load(golden / "tacotron_tiny.npz"))
    hparams = hparams_from(Hparams, json.loads(str(arrays.pop("config"))))
    state_dict = torch.load(golden / "tacotron_tiny.pt", weights_only=True)
    return Golden(hparams, state_dict, {k: torch.from_numpy(v) for k, v in arrays.items()})


@pytest.fixture
def without_dropout(rtvc: Golden) -> Tacotron:
    model = Tacotron(replace(rtvc.hparams, dropout=0.0))
    model.load_state_dict(rtvc.state_dict)
    return model.eval().requires_grad_(False)


def test_state_dict_has_the_names_order_shapes_and_types_of_rtvc(rtvc: Golden) -> None:
    ours, theirs = Tacotron(rtvc.hparams).state_dict(), rtvc.state_dict
    assert [(name, p.shape, p.dtype) for name, p in ours.items()] == [
        (name, p.shape, p.dtype) for name, p in theirs.items()
    ]


def test_teacher_forced_pass_equals_rtvc(rtvc: Golden, without_dropout: Tacotron) -> None:
    known = rtvc.arrays
    outputs = without_dropout(known["chars"], known["teacher_mel"], known["embed"])
    wanted = [known[name] for name in ("tf_mel", "tf_post", "tf_attention", "tf_stop")]
    assert_close(list(outputs), wanted, atol=1e-4, rtol=0)


def test_free_running_pass_equals_rtvc(rtvc: Golden, without_dropout: Tacotron) -> None:
    known = rtvc.arrays
    generated = without_dropout.generate(known["chars"], known["embed"], [seeded(0)], 100)
    assert generated.stopped == [True]
    assert_close(generated.mels[0], known["gen_post"][0], atol=1e-4, rtol=0)
    assert_close(generated.attention[0], known["gen_attention"][0], atol=1e-4, rtol=0)


def test_free_running_mel_before_the_postnet_equals_rtvc(
    rtvc: Golden, without_dropout: Tacotron
) -> None:
    chars = rtvc.arrays["chars"]
    memory = without_dropout.memory(chars, without_dropout.encoder(chars), rtvc.arrays["embed"])
    mel, _, _ = without_dropout.decoder.generate(memory, seeded(0), max_frames=100)
    assert_close(mel[0], rtvc.arrays["gen_mel"][0], atol=1e-4, rtol=0)


def test_full_size_has_the_31_million_parameters_of_rtvc() -> None:
    with torch.device("meta"):
        model = Tacotron(Hparams())
    shapes = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    assert sum(p.numel() for p in model.parameters()) == 30_870_177
    some = {
        "encoder.embedding.weight": (66, 512),
        "encoder.cbhg.conv_project1.conv.weight": (256, 1280, 3),
        "encoder_proj.weight": (128, 512),
        "decoder.attn_rnn.weight_ih": (384, 768),
        "decoder.res_rnn1.weight_hh": (4096, 1024),
        "decoder.mel_proj.weight": (1600, 1024),
        "decoder.stop_proj.weight": (1, 1536),
        "postnet.pre_highway.weight": (512, 80),
        "postnet.rnn.weight_ih_l0_reverse": (768, 512),
        "post_proj.weight": (80, 512),
    }
    assert some.items() <= shapes.items()


# Teacher-forced


def test_teacher_forced_on_its_own_mel_repeats_it() -> None:
    model = tiny(dropout=0.0)
    chars = some_chars(9)[None]
    memory = model.memory(chars, model.encoder(chars), some_embeds(1))
    mel, attention, _ = model.decoder.generate(memory, seeded(0), max_frames=40)
    again, attention_again, _ = model.decoder(mel, memory)
    assert_close(again, mel, atol=1e-5, rtol=0)
    assert_close(attention_again[0], attention, atol=1e-5, rtol=0)


@pytest.mark.parametrize("r", [1, 3])
def test_teacher_forced_pass_gives_the_shapes_it_states(r: int) -> None:
    model = tiny()
    model.decoder.r.fill_(r)
    chars, mel = padded([some_chars(n) for n in (9, 4)]), torch.zeros(2, 80, 12)
    decoded, refined, attention, stop = model(chars, mel, some_embeds(2))
    assert decoded.shape == refined.shape == (2, 80, 12)
    assert attention.shape == (2, 12 // r, 9)
    assert stop.shape == (2, 12)


def test_padding_gets_no_attention() -> None:
    chars = padded([some_chars(n) for n in (9, 4)])
    _, _, attention, _ = tiny()(chars, torch.zeros(2, 80, 12), some_embeds(2))
    assert attention[1, :, 4:].count_nonzero() == 0
    assert_close(attention.sum(2), torch.ones(2, 6))


def test_every_parameter_learns() -> None:
    model = tiny(BY_CHANCE).train().requires_grad_(True)
    chars = padded([some_chars(n) for n in (9, 4)])
    mel = torch.rand(2, 80, 12, generator=seeded(2))
    decoded, refined, _, stop = model(chars, mel, some_embeds(2))
    (decoded.square().mean() + refined.square().mean() + stop.mean()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


# Synthesis


def test_same_seed_gives_the_same_mel() -> None:
    model = tiny()
    assert torch.equal(speak(model, seed=5).mels[0], speak(model, seed=5).mels[0])


def test_different_seeds_give_different_mels() -> None:
    model = tiny()
    assert not torch.allclose(speak(model, seed=5).mels[0], speak(model, seed=6).mels[0])


def test_prenet_drops_its_share_and_scales_up_the_rest() -> None:
    prenet = PreNet(1, 1000, dropout=0.75).requires_grad_(False)
    for layer in (prenet.fc1, prenet.fc2):
        layer.weight.zero_()
        layer.bias.fill_(1)
    out = prenet.eval()(torch.zeros(1, 1), seeded(0))
    assert out.unique().tolist() == [0, 4]
    assert 150 < out.count_nonzero() < 350


def test_encoder_dropout_draws_from_the_generator() -> None:
    model, chars = tiny(), some_chars(9)[None]
    first, same, other = (model.encoder(chars, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


def test_torchs_own_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    speak(tiny())
    assert torch.equal(torch.get_rng_state(), before)


def test_mel_does_not_depend_on_what_else_is_in_the_batch() -> None:
    model = tiny(BY_CHANCE)
    chars, embeds = padded([some_chars(n, seed=n) for n in LENGTHS]), some_embeds(len(LENGTHS))
    seeds = range(len(LENGTHS))
    together = model.generate(chars, embeds, [seeded(s) for s in seeds], 60)
    assert len({mel.shape[1] for mel in together.mels}) > 2  # or the test would show little
    for i, length in enumerate(LENGTHS):
        alone = model.generate(chars[i : i + 1, :length], embeds[i : i + 1], [seeded(i)], 60)
        assert torch.equal(alone.mels[0], together.mels[i])
        assert torch.equal(alone.attention[0], together.attention[i])
        assert alone.stopped[0] == together.stopped[i]


def test_threads_that_generate_at_once_get_what_each_gets_alone() -> None:
    model = tiny()
    alone = [speak(model, seed).mels[0] for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda seed: speak(model, seed).mels[0], range(8)))
    assert all(torch.equal(a, b) for a, b in zip(alone, at_once, strict=True))


def state_of(model: Tacotron) -> Iterator[tuple[str, str, int, int]]:
    """Every attribute of every module, by identity, and how often a tensor was written to."""
    for name, module in model.named_modules():
        holders = (vars(module), module._parameters, module._buffers)
        for attribute, value in (item for holder in holders for item in holder.items()):
            yield name, attribute, id(value), getattr(value, "_version", 0)


def test_generating_changes_nothing_on_the_model() -> None:
    model = tiny()
    before = list(state_of(model))
    speak(model)
    assert list(state_of(model)) == before


def test_training_mode_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        speak(tiny().train())


def test_stop_token_ends_the_utterance_not_before_its_twelfth_frame() -> None:
    generated = speak(tiny(stop_bias=1e9), max_frames=60)
    assert generated.stopped == [True]
    assert generated.mels[0].shape == (80, 12 + R)  # the step that began at frame 12 was the last
    assert generated.attention[0].shape == (6 + 1, 9)


@pytest.mark.parametrize(("max_frames", "made"), [(20, 20), (21, 20), (2, 2)])
def test_frames_that_run_out_are_reported(max_frames: int, made: int) -> None:
    generated = speak(tiny(), max_frames=max_frames)
    assert generated.stopped == [False]
    assert generated.mels[0].shape == (80, made)


def test_more_frames_allowed_change_nothing_before_them() -> None:
    model = tiny()
    chars = some_chars(9)[None]
    memory = model.memory(chars, model.encoder(chars, seeded(0)), some_embeds(1))
    short, _, _ = model.decoder.generate(memory, seeded(1), max_frames=20)
    long, _, _ = model.decoder.generate(memory, seeded(1), max_frames=40)
    assert torch.equal(long[:, :, :20], short)


def test_mel_is_clipped_to_the_format() -> None:
    model = tiny()
    model.post_proj.weight *= 1000
    mel = speak(model).mels[0]
    assert mel.min() == -4
    assert mel.max() == 4
    assert mel.dtype == torch.float32


def test_attention_of_each_step_sums_to_one() -> None:
    generated = speak(tiny())
    assert_close(generated.attention[0].sum(1), torch.ones(20))


def test_row_without_characters_is_refused() -> None:
    chars = padded([some_chars(4), torch.zeros(2, dtype=torch.int64)])
    with pytest.raises(ValueError, match="holds padding alone"):
        tiny().generate(chars, some_embeds(2), [seeded(0), seeded(1)], 20)


def test_generator_too_few_is_refused() -> None:
    chars = padded([some_chars(4), some_chars(2)])
    with pytest.raises(ValueError, match="shorter"):
        tiny().generate(chars, some_embeds(2), [seeded(0)], 20)


def test_fewer_frames_than_one_step_makes_are_refused() -> None:
    with pytest.raises(ValueError, match="max_frames is 1, must be at least 2"):
        speak(tiny(), max_frames=1)


# Silence at the end


def mel_of_levels(*levels: float) -> Tensor:
    """[80, T]: silence in every band but one."""
    mel = torch.full((80, len(levels)), -4.0)
    mel[7] = torch.tensor(levels)
    return mel


def test_trailing_silence_is_cut_and_silence_within_stays() -> None:
    mel = mel_of_levels(1.0, -3.9, -3.4, -3.5, -4.0)
    assert torch.equal(trim_silence(mel, -3.4), mel[:, :3])


def test_mel_that_ends_in_speech_is_left_whole() -> None:
    mel = mel_of_levels(-4.0, 1.0)
    assert torch.equal(trim_silence(mel, -3.4), mel)


def test_silence_alone_leaves_one_frame() -> None:
    assert trim_silence(mel_of_levels(-4.0, -4.0, -4.0), -3.4).shape == (80, 1)
