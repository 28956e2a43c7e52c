"""The register of real public models (``register.yaml``; its fields: ``README.md``)."""

from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE: Final = Path(__file__).parent / "register.yaml"

Modality = Literal["text", "code", "image", "audio", "multimodal", "embedding", "protein"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Model(_Strict):
    """What its publisher has made public of one model."""

    id: str
    name: str
    publisher: str
    released: str
    modality: Modality
    parameters: Annotated[int, Field(gt=0)] | None
    parameters_note: str | None = None
    licence: str
    licence_note: str | None = None
    open_weights: bool
    has_model_card: bool
    documentation: str
    source: list[str]


class _Register(_Strict):
    models: Annotated[list[Model], Field(min_length=1)]


def read_register(file: Path = FILE) -> tuple[Model, ...]:
    """The models in the order of the file; raises pydantic's ValidationError."""
    return tuple(_Register.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).models)
