"""Tensors in JSON: nested lists of numbers, validated and converted to NumPy arrays.

class Request(BaseModel):
    embed: Annotated[Float32Array, Tensor(axes=(Axis("E", 256, 256),), low=-1, high=1)]
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

Float32Array = NDArray[np.float32]
Int64Array = NDArray[np.int64]


def _refuse(code: str, message: str) -> PydanticCustomError:
    """A validation error with a verbatim message, braces included."""
    return PydanticCustomError("tensor", "{message}", {"message": message, "code": code})


def _json_name(python_type: type) -> str:
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return {**names, bool: "a boolean", type(None): "null"}[python_type]


@dataclass(frozen=True)
class Axis:
    """One axis: its letter in messages, and the range of its length."""

    letter: str
    low: int
    high: int

    def check(self, n: int, name: str) -> None:
        """Raises PydanticCustomError unless `n` is in range. name: of the list, for the message."""
        if not self.low <= n <= self.high:
            wanted = (
                f"exactly {self.low}" if self.low == self.high else f"{self.low} to {self.high}"
            )
            code = "empty" if n == 0 else "wrong_length"
            raise _refuse(code, f"{name} has {n} entries on axis {self.letter}, must have {wanted}")


@dataclass(frozen=True)
class Tensor:
    """Annotation for a pydantic field: a rectangular list of numbers becomes a float32 array.

    axes: outermost first.
    low, high: range of the values; others are rejected.
    clip: range to which accepted values are then clipped.
    integer: accept integers only, and return int64.
    """

    axes: tuple[Axis, ...]
    low: float
    high: float
    clip: tuple[float, float] | None = None
    integer: bool = False

    def parse(self, value: Any) -> NDArray[Any]:
        """The array. Raises PydanticCustomError (a ValueError), which names the entry and limit."""
        rows: list[list[Any]] = []
        shape = self._collect(value, self.axes, "the list", rows)
        numbers = self._numbers(rows).reshape(shape)
        self._check_range(numbers)
        return numbers if self.clip is None else np.clip(numbers, *self.clip)

    def _collect(
        self, value: Any, axes: tuple[Axis, ...], name: str, rows: list[list[Any]]
    ) -> tuple[int, ...]:
        """Append the innermost lists of `value` to `rows`, and return the shape."""
        if type(value) is not list:
            found = _json_name(type(value))
            raise _refuse("wrong_type", f"{name} is {found}, must be a list of numbers")
        axes[0].check(len(value), name)
        if len(axes) == 1:
            rows.append(value)
            return (len(value),)
        shapes = [
            self._collect(item, axes[1:], f"entry {i} of {name}", rows)
            for i, item in enumerate(value)
        ]
        for i, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise _refuse(
                    "ragged",
                    f"entry {i} of {name} has shape {list(shape)}, entry 0 has {list(shapes[0])}; "
                    "all must have the same shape",
                )
        return (len(value), *shapes[0])

    def _numbers(self, rows: list[list[Any]]) -> NDArray[Any]:
        usual, allowed = (int, {int}) if self.integer else (float, {int, float})
        for row in rows:
            types = list(map(type, row))
            # Counting takes half the time of a set, and mostly suffices.
            if types.count(usual) < len(row) and (wrong := set(types) - allowed):
                kinds = " or ".join(sorted(map(_json_name, wrong)))
                wanted = "integers" if self.integer else "numbers"
                raise _refuse("wrong_type", f"holds {kinds}, must hold {wanted} only")
        try:
            if self.integer:
                return np.array(rows, dtype=np.int64).ravel()
            return np.concatenate([np.frombuffer(array("f", row), np.float32) for row in rows])
        except OverflowError:
            raise _refuse("out_of_range", f"a value is outside {self._range}") from None

    def _check_range(self, numbers: NDArray[Any]) -> None:
        low, high = numbers.min(), numbers.max()  # NaN and infinity fail the comparison below
        if not (self.low <= low and high <= self.high):
            worst = high if high > self.high or not np.isfinite(high) else low
            raise _refuse("out_of_range", f"a value is {worst:g}, must be in {self._range}")

    @property
    def _range(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        parse: Callable[[Any], Any] = self.parse
        return core_schema.no_info_plain_validator_function(parse)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = "integer" if self.integer else "number"
        result: JsonSchemaValue = {"type": number, "minimum": self.low, "maximum": self.high}
        for axis in reversed(self.axes):
            result = {
                "type": "array",
                "items": result,
                "minItems": axis.low,
                "maxItems": axis.high,
            }
        return result
