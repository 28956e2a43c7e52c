"""``docs/events.md`` is what topics and schemas say."""

import re
from pathlib import Path

from schemas import event_catalogue as catalogue
from schemas.avro import released
from schemas.topics import FAMILIES, topics

TEXT = catalogue.FILE.read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The catalogue's text by event."""
    parts = re.split(r"^### `(.+)`$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_catalogue_is_what_topics_and_schemas_say() -> None:
    assert catalogue.render(topics(), released()) == TEXT


def test_every_event_is_in_the_catalogue_with_every_field() -> None:
    found = sections()
    for topic in (*(topics().events(family) for family in FAMILIES), topics().receipts):
        assert f"`{topic.name}`" in TEXT
        for name in topic.messages:
            last = name.rpartition(".")[2]
            said = found.get(name) or found[f"governance.….{last}"]
            schema = released().newest(name).schema
            assert isinstance(schema, dict)
            shown = re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)
            assert [field["name"] for field in schema["fields"]] == shown


def test_every_schema_that_is_linked_exists() -> None:
    targets = re.findall(r"\]\((\.\./schemas/[^)]+)\)", TEXT)
    assert len(targets) == len(sections())
    assert all((catalogue.FILE.parent / target).is_file() for target in targets)


def test_nested_records_and_absent_values_are_shown() -> None:
    guards = sections()["governance.compliance.workflow.status_changed"]
    assert "| `guards` | list of GuardResult |" in guards
    assert "| `guards.missing` | list of string |" in guards
    assert "| `locked_until` | string" in sections()["governance.evidence.verified"]
    assert "| `choices` | map of list of string |" in sections()["governance.compliance.workflow.created"]
    assert "| `version` | int? |" in sections()["governance.policy.evaluated"]


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "events.md"
    assert catalogue.write(topics(), released(), file)
    assert not catalogue.write(topics(), released(), file)
