"""Builds the native sample loop, once for each instruction set; pyproject.toml has all the rest.

Optional: where it cannot be built, the loop in torch serves.
"""

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

SOURCE = "vocoder_service/native/sample_loop.cpp"
FLAGS = {
    "avx512": [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")],
    "avx2": ["-mavx2", "-mfma"],
    "portable": [],
}

setup(
    ext_modules=[
        Pybind11Extension(
            f"vocoder_service._sample_loop_{name}",
            [SOURCE],
            define_macros=[("MODULE", f"_sample_loop_{name}")],
            extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math", *flags],
            cxx_std=17,
            optional=True,
        )
        for name, flags in FLAGS.items()
    ]
)
