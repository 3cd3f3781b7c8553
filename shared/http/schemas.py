"""Base classes of request and response models, and limits that a deployment sets.

A model is defined once, at import, without settings. Where an app is built, its routes narrow it:

    request: Annotated[SpeechRequest, Limits(text=Annotated[str, Field(max_length=250)])]
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, create_model
from pydantic_core import core_schema

ModelT = TypeVar("ModelT", bound=BaseModel)

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 2.0
"""Limits of a vocoder's temperature, for the requests of the gateway and of the vocoder."""


class RequestModel(BaseModel):
    """A request body. Types are strict; a docstring under a field is its description."""

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True)


class ResponseModel(BaseModel):
    """A response body. A docstring under a field is its description."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def with_limits(model: type[ModelT], **annotations: Any) -> type[ModelT]:
    """A subclass of a model in which some fields have other annotations.

    Their defaults and descriptions stay.
    """
    fields: dict[str, Any] = {
        name: (annotation, model.model_fields[name]) for name, annotation in annotations.items()
    }
    return create_model(
        model.__name__,
        __base__=model,
        __module__=model.__module__,
        __doc__=model.__doc__,
        **fields,
    )


class Limits:
    """Annotation of a request model in a route: narrows fields, as `with_limits` does."""

    def __init__(self, **annotations: Any) -> None:
        self._annotations = annotations
        self._limited: dict[type[BaseModel], type[BaseModel]] = {}  # one class for all its routes

    def __get_pydantic_core_schema__(
        self, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        if source not in self._limited:
            self._limited[source] = with_limits(source, **self._annotations)
        return handler(self._limited[source])
