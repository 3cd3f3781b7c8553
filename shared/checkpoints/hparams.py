"""Hyperparameters: frozen dataclasses, stored with the weights in a checkpoint's manifest."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def hparams_from(cls: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass `cls` filled from a manifest's architecture; JSON lists become tuples.

    Raises ValueError for an unknown or missing key; the message lists the valid ones.
    """
    valid = {f.name for f in fields(cls)}
    if unknown := sorted(set(values) - valid):
        raise ValueError(f"unknown hyperparameters {unknown}; valid ones are {sorted(valid)}")
    required = {f.name for f in fields(cls) if f.default is MISSING}
    if missing := sorted(required - set(values)):
        raise ValueError(f"missing hyperparameters {missing}; valid ones are {sorted(valid)}")
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
