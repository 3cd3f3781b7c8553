import torch

from training.synthesizer.cepstral_loss import CepstralLoss, liftering


def test_error_is_weighted_in_its_cepstrum() -> None:
    matrix = liftering([(1, 1.0), (3, 2.0), (10, 4.0), (66, 0.5)])
    bands = (torch.arange(80) + 0.5) * torch.pi / 80
    edges = (1, 3, 4, 13, 14, 79)
    power = torch.stack([(matrix @ torch.cos(n * bands)).square().sum() / 40 for n in edges])
    torch.testing.assert_close(power, torch.tensor([2, 2, 4, 4, 0.5, 0.5]))
    level = torch.ones(80)
    torch.testing.assert_close(matrix @ level, level)


def test_padding_is_left_out_of_the_loss() -> None:
    mel, target = torch.randn(2, 80, 6, generator=torch.Generator().manual_seed(0)), torch.zeros(1)
    weight = torch.ones(2, 6)
    weight[1, 4:] = 0
    loss = CepstralLoss([(80, 1.0)])
    expected = torch.cat([mel[0], mel[1, :, :4]], dim=1)
    torch.testing.assert_close(
        loss(mel, target, weight), (expected.square() + expected.abs()).mean()
    )
