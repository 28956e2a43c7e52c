"""The version of a regulation changes with its content and with nothing else."""

from regulations import hashing
from regulations.hashing import catalogue_hash, version
from regulations.loader import Library
from regulations.sources import Row
from tests.regulations.folders import changed, encoded, small, small_files

SMALL = "sha256:4d65d464c3a0f580e2cbfe7dcf8e5d86ddf2cbcf3b139acb6d2362cb39d093d7"


def test_the_version_is_written_out_so_that_no_platform_may_differ() -> None:
    assert small().version == SMALL


def test_line_ends_marks_quoting_comments_and_key_order_do_not_change_the_version() -> None:
    files = small_files()
    crlf = {name: content.replace("\n", "\r\n").encode() for name, content in files.items()}
    assert small(crlf).version == SMALL
    marked = {name: b"\xef\xbb\xbf" + content.encode() for name, content in files.items()}
    assert small(marked).version == SMALL
    assert small(changed("controls.csv", "B,,Beta", 'B,,"Beta"')).version == SMALL
    assert small(changed("workflow.yaml", "phases:", "# A comment\nphases:")).version == SMALL
    turned = changed(
        "workflow.yaml",
        "  observing: null\n  attesting: Certificate",
        "  attesting: Certificate\n  observing: null",
    )
    assert small(turned).version == SMALL


def test_every_file_counts_for_the_version() -> None:
    others = [
        changed("regulation.yaml", "scope: Examples", "scope: Other"),
        changed("mapping.csv", "Half of it", "A half"),
        changed("workflow.yaml", "within: 60d", "within: 61d"),
        changed("planned.csv", "Every case", "Each case"),
        changed("dates.csv", "2025-02-02", "2025-02-03"),
        changed("obligations.csv", "Logging", "Logging of"),
        encoded(small_files() | {"templates/plan.md": "# Plan\n"}),
        encoded(small_files() | {"classify.rego": "package classify\n"}),
    ]
    assert len({SMALL, *(small(files).version for files in others)}) == len(others) + 1


def test_line_ends_of_other_files_do_not_change_the_version() -> None:
    unix = {"classify.rego": b"package a\n", "templates/a.csv": b'not,"a table\n'}
    windows = {name: content.replace(b"\n", b"\r\n") for name, content in unix.items()}
    assert version(unix) == version(windows)


def test_the_catalogue_hash_does_not_depend_on_the_order_of_rows() -> None:
    rows = [
        Row(line, {"id": each, "parent": "", "title": each, "kind": "k"}) for line, each in enumerate("abc")
    ]
    assert catalogue_hash(rows) == catalogue_hash(rows[::-1]) != catalogue_hash(rows[:2])


def test_the_catalogue_hash_tells_columns_apart() -> None:
    one = Row(2, {"id": "a", "parent": "b", "title": "", "kind": "k"})
    other = Row(2, {"id": "a", "parent": "", "title": "b", "kind": "k"})
    assert catalogue_hash([one]) != catalogue_hash([other])


def test_each_regulation_has_its_own_version(library: Library) -> None:
    versions = {regulation.version for regulation in library.regulations.values()}
    assert len(versions) == len(library.regulations)
    assert all(len(each) == len("sha256:") + 64 for each in versions)
    assert hashing.CATALOGUE_COLUMNS == ("id", "parent", "title", "kind")
