"""Bounds of the commands about evidence, and the keys of their objects."""

import typing

import pytest
from pydantic import ValidationError

from schemas.codec import decode, encode
from schemas.identity import object_key
from schemas.models import (
    COMMANDS,
    Artifact,
    Command,
    ControlRef,
    LinkEvidence,
    ReportArtifact,
    SubmitEvidence,
)

ID = "0196f0a2-0000-7000-8000-000000000001"
HASH = "ab" * 32
ARTIFACT = {"sha256": HASH, "size": 1, "media_type": "text/plain", "object_key": "k", "version_id": "v"}
SUBMIT = {
    "evidence_id": ID,
    "title": "Minutes",
    "kind": "manual",
    "artifact": ARTIFACT,
    "collected_at": "2026-01-02T03:04:05+01:00",
}
REPORT = {
    "evidence": ID,
    "outcome": "verified",
    "reason": "",
    "sha256": HASH,
    "size": 1,
    "locked_until": "2032-01-01T00:00:00Z",
}
REF = {"regulation": "soc2", "control": "CC1.1"}

EXAMPLES: list[Command] = [
    SubmitEvidence.model_validate(SUBMIT),
    SubmitEvidence.model_validate({**SUBMIT, "controls": [REF], "technical_controls": ["TC-001"]}),
    LinkEvidence(evidence=ID, controls=[ControlRef(regulation="soc2", control="CC1.1")]),
    ReportArtifact.model_validate(REPORT),
    ReportArtifact.model_validate(
        {**REPORT, "outcome": "quarantined", "reason": "missing_object", "sha256": "", "locked_until": None}
    ),
]


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: str(command.TYPE))
def test_a_command_is_read_back_as_it_was_written(command: Command) -> None:
    body = decode(command.TYPE, encode(command.TYPE, command.model_dump()))
    assert COMMANDS[command.TYPE].model_validate(dict(body)) == command
    assert (command.aggregate("acme"), command.subject("acme")) == (ID, f"evidence/{ID}")


@pytest.mark.parametrize(
    "changed",
    [
        {"evidence_id": "minutes"},
        {"evidence_id": ID.upper()},
        {"evidence_id": f"{{{ID}}}"},
        {"evidence_id": ID.replace("-", "")},
        {"title": ""},
        {"title": "a\nb"},
        {"kind": "hearsay"},
        {"description": "a\0b"},
        {"source": "x" * 201},
        {"collected_at": "2026-01-02T03:04:05"},
        {"collected_at": "yesterday"},
        {"collected_at": "1969-12-31T23:59:59Z"},
        {"collected_at": "0001-01-01T00:00:00+14:00"},
        {"collected_at": "9999-12-31T23:59:59-14:00"},
        {"effective_to": ""},
        {"controls": [REF] * 201},
        {"controls": [{"regulation": "soc2"}]},
        {"technical_controls": ["TC-001"] * 201},
        {"technical_controls": [""]},
        {"artifact": {**ARTIFACT, "sha256": HASH.upper()}},
        {"artifact": {**ARTIFACT, "sha256": HASH[:-1]}},
        {"artifact": {**ARTIFACT, "sha256": f"{HASH}\n"}},
        {"artifact": {**ARTIFACT, "size": -1}},
        {"artifact": {**ARTIFACT, "size": 2**63}},
        {"artifact": {**ARTIFACT, "object_key": "k" * 1025}},
        {"artifact": {**ARTIFACT, "version_id": ""}},
    ],
    ids=str,
)
def test_a_submission_out_of_bounds_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SubmitEvidence.model_validate({**SUBMIT, **changed})


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinkEvidence(evidence=ID),
        lambda: LinkEvidence(evidence="minutes", technical_controls=["TC-001"]),
        lambda: ReportArtifact.model_validate({**REPORT, "reason": "wrong_hash"}),
        lambda: ReportArtifact.model_validate({**REPORT, "locked_until": None}),
        lambda: ReportArtifact.model_validate({**REPORT, "outcome": "quarantined", "locked_until": None}),
        lambda: ReportArtifact.model_validate({**REPORT, "outcome": "quarantined", "reason": "wrong_hash"}),
        lambda: ReportArtifact.model_validate({**REPORT, "reason": "because"}),
        lambda: ReportArtifact.model_validate({**REPORT, "sha256": "ab"}),
    ],
)
def test_a_link_or_report_that_makes_no_sense_is_refused(make: typing.Callable[[], Command]) -> None:
    with pytest.raises(ValidationError):
        make()


def test_an_objects_key_says_whose_it_is_and_what_it_holds() -> None:
    assert object_key("acme", ID, HASH) == f"acme/{ID}/{HASH}"
    longest = object_key("t" * 200, ID, HASH)
    assert Artifact.model_validate({**ARTIFACT, "object_key": longest}).object_key == longest
