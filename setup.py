"""Build the native loops, one module per instruction set, and the wheel.

The rest is in pyproject.toml.

The loops are optional: services use slower loops in torch if they are missing. NATIVE_LOOPS=0
leaves them out, for a wheel that suits every machine.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

REPOSITORY = Path(__file__).parent
LOOPS = {"synthesizer_service/tacotron": "decoder_loop", "vocoder_service/wavernn": "sample_loop"}
X86 = {
    "avx512": [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")],
    "avx2": ["-mavx2", "-mfma"],
    "portable": [],
}
ARM = {"neon_bf16": ["-march=armv8.2-a+bf16"], "neon": []}
MACHINES = {"x86_64": X86, "amd64": X86, "aarch64": ARM, "arm64": ARM}
OPTIMIZATION = ["-O3", "-fno-math-errno", "-fno-trapping-math"]


class BuildPackage(build):
    """A build that is installed as the one package better_api; editable installs do not run it."""

    def run(self):
        sys.path.insert(0, str(REPOSITORY))
        from deploy.wheel import arrange

        shutil.rmtree(self.build_lib, ignore_errors=True)  # modules that are no longer there
        super().run()
        arrange(Path(self.build_lib), REPOSITORY)


class BuildWheel(bdist_wheel):
    def write_wheelfile(self, wheelfile_base, *arguments, **options):
        Path(wheelfile_base, "top_level.txt").write_text("better_api\n")
        super().write_wheelfile(wheelfile_base, *arguments, **options)


def extensions():
    if os.environ.get("NATIVE_LOOPS") == "0":
        return []
    from pybind11.setup_helpers import Pybind11Extension

    flags_by_name = MACHINES.get(platform.machine().lower(), {"portable": []})
    return [
        Pybind11Extension(
            f"{package.replace('/', '.')}._{loop}_{name}",
            [f"{package}/native/{loop}.cpp"],
            include_dirs=["."],
            depends=["shared/native/kernels.h"],
            define_macros=[("MODULE", f"_{loop}_{name}")],
            extra_compile_args=[*OPTIMIZATION, *flags],
            cxx_std=17,
            optional=True,
        )
        for package, loop in LOOPS.items()
        if Path(package, "native").is_dir()  # an image holds one service
        for name, flags in flags_by_name.items()
    ]


if __name__ == "__main__":  # a test reads the flags
    setup(ext_modules=extensions(), cmdclass={"build": BuildPackage, "bdist_wheel": BuildWheel})
