"""The teachers there are, by name."""

from collections.abc import Callable
from typing import Any

from training.data.teacher import Teacher
from training.data.teachers.flite import Flite
from training.data.teachers.joe import Joe
from training.data.teachers.kokoro import Kokoro

TEACHERS: dict[str, Callable[[], Teacher[Any]]] = {"kokoro": Kokoro, "joe": Joe, "flite": Flite}
