from dataclasses import asdict
from typing import Any

import pytest
import torch

from encoder_service.hparams import Hparams as EncoderHparams
from shared.checkpoints.architectures import check_architecture, infer_architecture, recognise
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.manifest import CheckpointError, ModelName
from synthesizer_service.tacotron.hparams import Hparams as TacotronHparams
from tests.support.tiny_weights import (
    ENCODER,
    TACOTRON,
    VOCOS,
    WAVERNN,
    StateDict,
    tiny_encoder,
    tiny_tacotron,
    tiny_vocos,
    tiny_wavernn,
)
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams

CASES: list[tuple[ModelName, StateDict, Any]] = [
    ("encoder", tiny_encoder(), ENCODER),
    ("synthesizer", tiny_tacotron(), TACOTRON),
    ("vocoder", tiny_wavernn(), WAVERNN),
    ("vocos", tiny_vocos(), VOCOS),
]


@pytest.mark.parametrize(("model", "state_dict", "hparams"), CASES, ids=[c[0] for c in CASES])
def test_hyperparameters_are_inferred_from_names_and_shapes(
    model: ModelName, state_dict: StateDict, hparams: Any
) -> None:
    assert recognise(state_dict) == model
    assert infer_architecture(model, state_dict) == asdict(hparams)


@pytest.mark.parametrize(
    ("model", "hparams"),
    [
        ("encoder", EncoderHparams),
        ("synthesizer", TacotronHparams),
        ("vocoder", WaveRNNHparams),
        ("vocos", VocosHparams),
    ],
)
def test_inferred_hyperparameters_fill_the_services_dataclass(
    model: ModelName, hparams: type[Any]
) -> None:
    state_dict = next(case[1] for case in CASES if case[0] == model)
    assert hparams_from(hparams, infer_architecture(model, state_dict))


def test_foreign_names_are_recognised_as_none() -> None:
    with pytest.raises(CheckpointError, match=r"not an encoder.* hold layer\.weight"):
        recognise({"layer.weight": torch.zeros(2)})


@pytest.mark.parametrize(
    ("make", "name", "shape"),
    [
        (tiny_tacotron, "decoder.attn_net.conv.weight", (32, 2, 31)),
        (tiny_tacotron, "postnet.rnn.weight_hh_l0", (42, 14)),
        (tiny_wavernn, "fc3.weight", (30, 5)),
    ],
    ids=["attention over two channels", "wider GRU", "mixture of logistics"],
)
def test_variant_that_the_services_do_not_run_is_refused(
    make: Any, name: str, shape: tuple[int, ...]
) -> None:
    state_dict = make() | {name: torch.zeros(shape)}
    with pytest.raises(CheckpointError, match="of RTVC's form: .*" + str(shape[0])):
        infer_architecture(recognise(state_dict), state_dict)


def test_model_without_a_stop_token_is_refused_by_the_missing_name() -> None:
    state_dict = tiny_tacotron()
    del state_dict["decoder.stop_proj.weight"]
    with pytest.raises(CheckpointError, match=r"decoder\.stop_proj\.weight is missing"):
        infer_architecture("synthesizer", state_dict)


def test_vocos_without_its_output_is_refused_by_the_missing_name() -> None:
    state_dict = tiny_vocos()
    del state_dict["out.weight"]
    with pytest.raises(CheckpointError, match=r"not a vocos of .* form: out\.weight is missing"):
        infer_architecture("vocos", state_dict)


def test_claim_that_the_weights_contradict_is_refused() -> None:
    claimed = asdict(WAVERNN) | {"rnn_dims": 512}
    with pytest.raises(CheckpointError, match="rnn_dims is 512 in the manifest, 6 in the weights"):
        check_architecture("vocoder", tiny_wavernn(), claimed)


def test_claim_that_no_weight_can_prove_is_accepted() -> None:
    check_architecture("synthesizer", tiny_tacotron(), asdict(TACOTRON) | {"dropout": 0.2})
