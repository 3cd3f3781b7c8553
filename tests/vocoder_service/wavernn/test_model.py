import numpy as np
import torch

from tests.vocoder_service.conftest import Golden
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN


def test_state_dict_is_named_ordered_shaped_and_typed_as_rtvc(
    hparams: Hparams, rtvc_state: dict[str, torch.Tensor]
) -> None:
    ours = [
        (name, tensor.shape, tensor.dtype) for name, tensor in WaveRNN(hparams).state_dict().items()
    ]
    assert ours == [(name, tensor.shape, tensor.dtype) for name, tensor in rtvc_state.items()]


def test_full_size_has_as_many_parameters_as_rtvc() -> None:
    with torch.device("meta"):
        model = WaveRNN(Hparams())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert round(trainable / 1e6, 3) == 4.481  # as RTVC prints at start


@torch.no_grad()
def test_upsampling_equals_rtvc(model: WaveRNN, vectors: Golden) -> None:
    upsampled, aux = model.upsample(torch.from_numpy(vectors["mel"]))
    np.testing.assert_allclose(upsampled, vectors["upsampled_mel"], atol=1e-4)
    np.testing.assert_allclose(aux, vectors["aux"], atol=1e-4)


@torch.no_grad()
def test_teacher_forced_logits_equal_rtvc(model: WaveRNN, vectors: Golden) -> None:
    logits = model(torch.from_numpy(vectors["x"]), torch.from_numpy(vectors["mel"]))
    np.testing.assert_allclose(logits, vectors["logits"], atol=1e-4)


@torch.no_grad()
def test_kernel_stretches_as_the_layers_do(model: WaveRNN, vectors: Golden) -> None:
    mel = torch.from_numpy(vectors["mel"])
    frames = mel.unfold(2, size=5, step=1)  # [B, 80, T, J]
    stretched = torch.einsum("nj,bctj->bctn", model.upsample.kernel(), frames).flatten(2)
    torch.testing.assert_close(stretched, model.upsample.stretch(mel), atol=1e-5, rtol=0)
