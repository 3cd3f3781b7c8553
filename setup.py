"""Build the native loops, one module per instruction set. The rest is in pyproject.toml.

The loops are optional: services use slower loops in torch if they are missing.
"""

from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

LOOPS = {"synthesizer_service/tacotron": "decoder_loop", "vocoder_service/wavernn": "sample_loop"}
FLAGS = {
    "avx512": [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")],
    "avx2": ["-mavx2", "-mfma"],
    "portable": [],
}

setup(
    ext_modules=[
        Pybind11Extension(
            f"{package.replace('/', '.')}._{loop}_{name}",
            [f"{package}/native/{loop}.cpp"],
            include_dirs=["."],
            depends=["shared/native/kernels.h"],
            define_macros=[("MODULE", f"_{loop}_{name}")],
            extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math", *flags],
            cxx_std=17,
            optional=True,
        )
        for package, loop in LOOPS.items()
        if Path(package, "native").is_dir()  # an image holds one service
        for name, flags in FLAGS.items()
    ]
)
