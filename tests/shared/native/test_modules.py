import pytest

from shared.native.modules import INSTRUCTION_SETS, built, native_module, supported

LOOP = "vocoder_service.wavernn._sample_loop"


def test_loop_that_was_not_built_has_no_modules() -> None:
    assert built("shared.native._no_loop") == []
    assert supported("shared.native._no_loop") == set()
    with pytest.raises(ImportError, match="_no_loop_portable"):
        native_module("shared.native._no_loop")


def test_best_instruction_set_is_the_default() -> None:
    names = built(LOOP)
    if not names:
        pytest.skip("the native sample loop was not built")
    assert names == [name for name in INSTRUCTION_SETS if name in names]
    assert set(names) <= supported(LOOP)
    assert native_module(LOOP).__name__ == f"{LOOP}_{names[0]}"
    assert native_module(LOOP, names[-1]).__name__ == f"{LOOP}_{names[-1]}"
