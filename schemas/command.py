"""The root of the typed commands, and the types that their fields share."""

from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.documents import check_document
from schemas.envelope import moment_of
from schemas.errors import Unreadable
from schemas.identity import MAX_NAME_CHARS

MAX_LONG: Final = 2**63 - 1
"""Bound of Avro's long and of bigint columns."""

MAX_DETAILS_BYTES: Final = 32_768
"""Bound of a JSON object beside a command's own fields: its event fits whole into an entry of the log."""

FIRST_YEAR: Final = 1970
"""Earlier times are mistakes: no evidence of an information system is older."""


def printable(text: str) -> str:
    """Raises ValueError for control characters."""
    if not text.isprintable():
        raise ValueError("contains control characters")
    return text


def no_nul(text: str) -> str:
    """Raises ValueError for NUL characters, which the database does not take."""
    if "\x00" in text:
        raise ValueError("contains a NUL character")
    return text


def _canonical_uuid(text: str) -> str:
    # One spelling only: the id is part of the Kafka key and of the object's key.
    if str(UUID(text)) != text:
        raise ValueError("is no UUID in lower case with hyphens")
    return text


def moment(text: str) -> str:
    """Raises ValueError for anything but an RFC 3339 time with an offset."""
    try:
        found = moment_of(text)
    except (Unreadable, OverflowError):
        raise ValueError("is no RFC 3339 time with an offset") from None
    if found.year < FIRST_YEAR:
        raise ValueError(f"is before {FIRST_YEAR}")
    return text


def _json_object(data: bytes) -> bytes:
    try:
        check_document(data)
    except Unreadable as error:
        raise ValueError(error.detail) from None
    return data


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(printable)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(no_nul)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EvidenceId = Annotated[str, AfterValidator(_canonical_uuid)]
EventId = Annotated[str, AfterValidator(_canonical_uuid)]
JsonObject = Annotated[bytes, Field(max_length=MAX_DETAILS_BYTES), AfterValidator(_json_object)]
Timestamp = Annotated[str, Field(max_length=64), AfterValidator(moment)]


class Command(BaseModel):
    """Root of the typed commands."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    TYPE: ClassVar[str]

    def aggregate(self, tenant: str) -> str:
        """The aggregate's id in the Kafka key ``tenant/aggregate``."""
        raise NotImplementedError

    def subject(self, tenant: str) -> str:
        """``ce_subject``: what the command is about, ``type/id``."""
        return self.aggregate(tenant)
