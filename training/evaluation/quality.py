"""The quality of speech, from 1 to 5: DNSMOS (C. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835",
arXiv:2110.01763), networks that predict the ratings of listeners."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array


@dataclass(frozen=True)
class Quality:
    """ovrl: of the whole; sig: of the speech; bak: of the background (P.835). p808: of the whole,
    by another network (P.808)."""

    ovrl: float
    sig: float
    bak: float
    p808: float


class Dnsmos:
    """The networks that the PyPI package `speechmos` carries, on one thread."""

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
        from onnxruntime import InferenceSession, SessionOptions
        from speechmos.dnsmos import DNSMOS

        models = files("speechmos") / "dnsmos_models"
        paths = [str(models / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
        self._rate = DNSMOS(*paths)
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._rate.onnx_sess, self._rate.p808_onnx_sess = (
            InferenceSession(path, options) for path in paths
        )

    def rate(self, wav: Float32Array) -> Quality:
        """The scores of `speechmos.dnsmos.run`. wav: [n] at 16 kHz."""
        found = self._rate(np.clip(wav, -1, 1), MEL_FORMAT.sample_rate, False)
        return Quality(*(float(found[f"{name}_mos"]) for name in ("ovrl", "sig", "bak", "p808")))
