"""OPA's status report (OPA "Status service API"), as far as it tells which bundle is served."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

MAX_MESSAGE_CHARS = 1000
"""Bound of what is kept of OPA's error text; it ends in an activation_failed event."""


MAX_REVISION_DIGITS = 18
"""A bigint column holds every number of so many digits; the clock in microseconds has 16."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why OPA did not load a bundle that it had downloaded.

    ``files`` are the bundle paths that its errors name, without a leading slash.
    """

    message: str
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """One process's word: the revision it serves (0: none) and its trouble, if any."""

    revision: int
    trouble: Trouble | None


class _Location(BaseModel):
    model_config = ConfigDict(frozen=True)
    file: str = ""
    row: int = 0


class _Error(BaseModel):
    model_config = ConfigDict(frozen=True)
    code: str = ""
    message: str = ""
    location: _Location | None = None


class _Bundle(BaseModel):
    model_config = ConfigDict(frozen=True)
    active_revision: str = ""
    code: str = ""
    message: str = ""
    errors: list[_Error] = []
    http_code: int | str | None = None


class _Status(BaseModel):
    model_config = ConfigDict(frozen=True)
    bundles: dict[str, _Bundle] = {}


def read_report(data: bytes) -> Report | None:
    """The report in a status body; None when it says nothing about a bundle yet.

    Raises pydantic's ValidationError for what is no status body.
    """
    bundles = _Status.model_validate_json(data).bundles
    if not bundles:
        return None
    bundle = next(iter(bundles.values()))
    return Report(revision_number(bundle.active_revision), _trouble(bundle))


def revision_number(text: str) -> int:
    """The number in a revision of ours; 0 for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_REVISION_DIGITS else 0


def _trouble(bundle: _Bundle) -> Trouble | None:
    """Only what came after a complete download: a download that failed says nothing about the modules."""
    if not bundle.code or bundle.http_code or bundle.message.startswith(_DOWNLOAD_FAILED):
        return None
    texts = [_text(error) for error in bundle.errors] or [bundle.message]
    files = {error.location.file.lstrip("/") for error in bundle.errors if error.location}
    return Trouble("; ".join(texts)[:MAX_MESSAGE_CHARS], frozenset(files))


def _text(error: _Error) -> str:
    row = f" (row {error.location.row})" if error.location else ""
    return f"{error.code}: {error.message}{row}"


_DOWNLOAD_FAILED = ("request failed", "server replied")
