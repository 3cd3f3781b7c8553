"""The teachers there are, by name."""

from collections.abc import Callable
from typing import Any

from training.teacher import Teacher
from training.teachers.flite import Flite
from training.teachers.joe import Joe
from training.teachers.kokoro import Kokoro

TEACHERS: dict[str, Callable[[], Teacher[Any]]] = {"kokoro": Kokoro, "joe": Joe, "flite": Flite}
