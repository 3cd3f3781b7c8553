"""The native decoder gives the results of the one in torch."""

import logging
import platform
from dataclasses import replace
from shutil import which

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from shared.native import modules as native_modules
from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.model import Decoder
from synthesizer_service.tacotron.native_decoder import (
    LOOP,
    STEPS_A_CALL,
    NativeDecoder,
    Precision,
    decoder_for,
)
from tests.synthesizer_service.tacotron.test_model import (
    NEVER,
    TINY,
    seeded,
    some_chars,
    some_embeds,
    tiny,
)

BUILT = native_modules.built(LOOP)
WHOLE_VECTORS = {"decoder_dims": 16, "lstm_dims": 32}
FRAMES = 2 * STEPS_A_CALL + 20  # two frames a step: over one call, and less than two

needs_build = pytest.mark.skipif(not BUILT, reason="native decoder: not built here")


def network(stop_bias: float = NEVER, **changes: int) -> tuple[Decoder, Memory]:
    """A random decoder and its inputs."""
    model = tiny(stop_bias, **(WHOLE_VECTORS | changes))
    chars = some_chars(12)[None]
    encoded = model.encoder(chars, seeded(3))
    embeds = some_embeds(1)[:, : model.hparams.speaker_embedding_size]
    return model.decoder, model.memory(chars, encoded, embeds)


def generate(
    decoder: Decoder | NativeDecoder, memory: Memory, frames: int = FRAMES
) -> tuple[Tensor, Tensor, bool]:
    with torch.no_grad():
        return decoder.generate(memory, seeded(1), frames)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets: not an x86_64")
@pytest.mark.skipif(not (which("c++") or which("g++")), reason="C++ compiler: none on the PATH")
def test_native_decoder_is_built_for_all_that_the_cpu_has() -> None:
    wanted = {"portable"} | native_modules.supported(LOOP) & {"avx2", "avx512"}
    assert wanted - set(BUILT) == set(), "`pip install -e .` builds them; its -v tells why not"


@pytest.mark.parametrize("r", [1, 2])
@pytest.mark.parametrize("instruction_set", BUILT)
def test_same_seed_gives_the_same_mel_and_attention_as_torch(instruction_set: str, r: int) -> None:
    decoder, memory = network()
    decoder.r.fill_(r)
    native = NativeDecoder(decoder, instruction_set=instruction_set)
    mel, attention, stopped = generate(native, memory)
    wanted_mel, wanted_attention, wanted_stopped = generate(decoder, memory)
    assert mel.shape == (1, 80, FRAMES)
    assert_close(mel[:, :, : 10 * r], wanted_mel[:, :, : 10 * r], atol=1e-4, rtol=0)
    assert_close(attention[:10], wanted_attention[:10], atol=1e-5, rtol=0)
    # Each frame is fed back, and rounding with it.
    assert (mel - wanted_mel).norm() < 0.01 * wanted_mel.norm()
    assert_close(attention.sum(dim=1), torch.ones(FRAMES // r))
    assert stopped is wanted_stopped is False


@pytest.mark.parametrize("instruction_set", BUILT)
def test_products_of_an_odd_width_are_as_in_torch(instruction_set: str) -> None:
    decoder, memory = network(speaker_embedding_size=5)
    mel, _, _ = generate(NativeDecoder(decoder, instruction_set=instruction_set), memory, 20)
    assert_close(mel, generate(decoder, memory, 20)[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("speaker", [5, 6])  # products of an odd width and of an even one
@pytest.mark.parametrize("instruction_set", BUILT)
def test_largest_weights_are_rounded_to_bfloat16_and_no_others(
    instruction_set: str, speaker: int
) -> None:
    decoder, memory = network(speaker_embedding_size=speaker)
    decoder.mel_proj.weight.mul_(0.25)  # to mels of the usual size, with errors of the usual size
    mel, _, _ = generate(NativeDecoder(decoder, "bfloat16", instruction_set), memory, 8)
    exact, _, _ = generate(decoder, memory, 8)
    largest = [decoder.attn_rnn.weight_ih, decoder.rnn_input.weight]
    for lstm in (decoder.res_rnn1, decoder.res_rnn2):
        largest += [lstm.weight_ih, lstm.weight_hh]
    for weight in largest:
        weight.copy_(weight.bfloat16())
    wanted, _, _ = generate(decoder, memory, 8)
    assert_close(mel, wanted, atol=1e-5, rtol=0)
    assert (wanted - exact).abs().max() > 1e-3


@needs_build
@pytest.mark.parametrize("frames", [2, 3, 63, 64, 66])
def test_no_more_frames_than_asked_for(frames: int) -> None:
    decoder, memory = network()
    mel, attention, _ = generate(NativeDecoder(decoder), memory, frames)
    assert mel.shape[2] == frames // 2 * 2
    assert len(attention) == frames // 2


@needs_build
@pytest.mark.parametrize("r", [1, 2, 4, 12])
def test_stop_token_is_believed_at_the_same_step_as_in_torch(r: int) -> None:
    decoder, memory = network(stop_bias=1e9)
    decoder.r.fill_(r)
    mel, _, stopped = generate(NativeDecoder(decoder), memory)
    wanted, _, wanted_stopped = generate(decoder, memory)
    assert stopped is wanted_stopped is True
    assert mel.shape == wanted.shape


@needs_build
def test_stop_token_ends_speech_where_it_does_in_torch() -> None:
    decoder, memory = network(stop_bias=-1.0)
    mel, _, stopped = generate(NativeDecoder(decoder), memory, 400)
    wanted, _, wanted_stopped = generate(decoder, memory, 400)
    assert stopped is wanted_stopped
    assert mel.shape == wanted.shape


@needs_build
def test_native_decoder_holds_no_weights_of_the_lstms_in_torch() -> None:
    decoder, _ = network()
    names = NativeDecoder(decoder).state_dict().keys()
    assert names
    assert not [name for name in names if "rnn" in name]


@needs_build
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_model_with_the_native_decoder_speaks(precision: Precision) -> None:
    model = tiny(**WHOLE_VECTORS)
    wanted = model.generate(some_chars(9)[None], some_embeds(1), [seeded(0)], 40)
    model.register_module("decoder", NativeDecoder(model.decoder, precision))
    spoken = model.generate(some_chars(9)[None], some_embeds(1), [seeded(0)], 40)
    assert (spoken.mels[0] - wanted.mels[0]).abs().mean() < 0.1
    assert spoken.attention[0].sum(dim=1).allclose(torch.ones(20))


@needs_build
def test_sizes_of_no_whole_vectors_are_left_to_torch(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny(lstm_dims=TINY.lstm_dims + 3)
    with caplog.at_level(logging.WARNING, "better"):
        assert decoder_for(model.decoder, "bfloat16") is model.decoder
    assert "the torch decoder serves" in caplog.text


def test_nothing_built_means_torch_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(native_modules, "INSTRUCTION_SETS", ())
    decoder, _ = network()
    with caplog.at_level(logging.WARNING, "better"):
        assert decoder_for(decoder, "bfloat16") is decoder
    assert [record.getMessage()[:35] for record in caplog.records] == [
        "the native decoder was not built, s"
    ]


def test_hparams_of_these_tests_are_whole_vectors() -> None:
    assert not [n for n in WHOLE_VECTORS.values() if n % 16]
    assert replace(TINY, **WHOLE_VECTORS).lstm_dims == 32
