"""Nested lists become arrays, or are rejected with place and limit."""

from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticCustomError

from shared.http.tensors import Axis, Float32Array, Tensor

MATRIX = Tensor(axes=(Axis("R", 1, 3), Axis("C", 2, 4)), low=-1, high=1)
IDS = Tensor(axes=(Axis("L", 1, 5),), low=0, high=65, integer=True)


def refusal(tensor: Tensor, value: Any) -> tuple[str, str]:
    """Code and message of the error."""
    with pytest.raises(PydanticCustomError) as caught:
        tensor.parse(value)
    context = caught.value.context
    assert context is not None
    return context["code"], str(caught.value)


def test_rows_become_float32_matrix() -> None:
    parsed = MATRIX.parse([[0, 0.5], [-1, 1.0]])
    assert parsed.dtype == np.float32
    np.testing.assert_array_equal(parsed, [[0, 0.5], [-1, 1]])


def test_three_axes_keep_their_order() -> None:
    tensor = Tensor(axes=(Axis("A", 2, 2), Axis("B", 3, 3), Axis("C", 1, 9)), low=0, high=100)
    value = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(tensor.parse(value.tolist()), value)


def test_integers_become_int64() -> None:
    parsed = IDS.parse([0, 65])
    assert parsed.dtype == np.int64
    assert parsed.tolist() == [0, 65]


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("[[1, 0]]", "wrong_type", "is a string"),
        ([1.0, 0.0], "wrong_type", "entry 0 of the list is a number"),
        ([[0, None]], "wrong_type", "holds null"),
        ([[0, True]], "wrong_type", "holds a boolean"),
        ([[0, "0"]], "wrong_type", "holds a string"),
        ([[0, {}]], "wrong_type", "holds an object"),
        ([[0, [1]]], "wrong_type", "holds a list"),
        ([], "empty", "0 entries on axis R, must have 1 to 3"),
        ([[0, 0]] * 4, "wrong_length", "4 entries on axis R, must have 1 to 3"),
        ([[0]], "wrong_length", "1 entries on axis C, must have 2 to 4"),
        ([[0, 0], [0, 0, 0]], "ragged", "entry 1 of the list has shape [3], entry 0 has [2]"),
        ([[0, 1.5]], "out_of_range", "a value is 1.5, must be in -1 to 1"),
        ([[0, -7]], "out_of_range", "a value is -7, must be in -1 to 1"),
        ([[0, float("nan")]], "out_of_range", "nan"),
        ([[0, 1e300]], "out_of_range", "-1 to 1"),
        ([[0, 10**400]], "out_of_range", "-1 to 1"),
    ],
)
def test_wrong_value_is_rejected_with_place_and_limit(value: Any, code: str, words: str) -> None:
    found, message = refusal(MATRIX, value)
    assert found == code
    assert words in message


@pytest.mark.parametrize("value", [[1.0], [2**63], [66], [-1], [[1]], [True]])
def test_wrong_id_is_rejected(value: Any) -> None:
    refusal(IDS, value)


def test_accepted_values_are_clipped() -> None:
    tensor = Tensor(axes=(Axis("n", 1, 9),), low=-8, high=8, clip=(-4, 4))
    assert tensor.parse([-8, 3, 5]).tolist() == [-4, 3, 4]


def test_message_keeps_braces_of_the_input() -> None:
    class Request(BaseModel):
        row: Annotated[Float32Array, IDS]

    with pytest.raises(ValueError, match="a string") as caught:
        Request.model_validate({"row": "{0} {message}"})
    assert "is a string" in str(caught.value)


def test_json_schema_states_the_limits() -> None:
    schema = TypeAdapter(Annotated[Float32Array, MATRIX]).json_schema()
    numbers = {"type": "number", "minimum": -1, "maximum": 1}
    row = {"type": "array", "items": numbers, "minItems": 2, "maxItems": 4}
    assert schema == {"type": "array", "items": row, "minItems": 1, "maxItems": 3}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
)


@given(json_values)
def test_any_json_gives_an_array_or_an_error(value: Any) -> None:
    try:
        parsed = MATRIX.parse(value)
    except PydanticCustomError:
        return
    assert parsed.dtype == np.float32
    assert parsed.ndim == 2
    assert np.abs(parsed).max() <= 1
