"""The register of real public models: complete, consistent, and free of anything but public facts."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

import devstack
import rego

REGISTER = Path(devstack.__file__).parent / "demo" / "register.yaml"
LICENCE_POLICY = Path(rego.__file__).parent / "examples" / "model_licence.rego"

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}$")]


class Entry(BaseModel):
    """One model. A field that is not listed here is not a public fact of the register."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Slug
    name: Text
    publisher: Text
    released: Month
    modality: Literal["text", "code", "image", "audio", "multimodal", "embedding", "protein"]
    parameters: Annotated[int, Field(gt=0)] | None
    parameters_note: Text | None = None
    licence: Text
    licence_note: Text | None = None
    open_weights: bool
    has_model_card: bool
    documentation: Text
    source: Annotated[list[Text], Field(min_length=1)]


class Register(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    models: list[Entry]


@pytest.fixture(scope="module")
def models() -> list[Entry]:
    return Register.model_validate(yaml.safe_load(REGISTER.read_text(encoding="utf-8"))).models


def test_the_register_has_at_least_36_models_of_every_modality(models: list[Entry]) -> None:
    assert len(models) >= 36
    assert {model.modality for model in models} == {
        "text", "code", "image", "audio", "multimodal", "embedding", "protein",
    }  # fmt: skip


def test_no_model_is_listed_twice(models: list[Entry]) -> None:
    ids = [model.id for model in models]
    names = [model.name.casefold() for model in models]
    assert ids == sorted(set(ids))
    assert len(names) == len(set(names))


def test_every_address_is_a_full_https_url_without_repetition(models: list[Entry]) -> None:
    for model in models:
        assert len(model.source) == len(set(model.source)), model.id
        for url in (model.documentation, *model.source):
            parts = urlsplit(url)
            assert parts.scheme == "https", url
            assert "." in parts.netloc, url
            assert not re.search(r"\s", url), url


def test_every_release_is_a_month_of_the_past(models: list[Entry]) -> None:
    for model in models:
        released = date.fromisoformat(f"{model.released}-01")
        assert date(2017, 1, 1) <= released <= date.today(), model.id


def test_an_undisclosed_size_says_why(models: list[Entry]) -> None:
    undisclosed = [model for model in models if model.parameters is None]
    assert undisclosed
    assert all(model.parameters_note for model in undisclosed)


def test_weights_are_closed_exactly_where_there_is_no_licence_to_them(models: list[Entry]) -> None:
    for model in models:
        assert model.open_weights is (model.licence != "Proprietary"), model.id


def test_some_models_lack_a_card_of_their_publisher(models: list[Entry]) -> None:
    assert {model.has_model_card for model in models} == {True, False}


def test_the_licence_policy_classifies_every_licence_of_the_register(models: list[Entry]) -> None:
    quoted = set(re.findall(r'"([^"\n]+)"', LICENCE_POLICY.read_text(encoding="utf-8")))
    assert {model.licence for model in models} <= quoted
