"""Every kind of problem has a folder that shows it, with the file and line it is reported at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulations.hub import parse_hub
from regulations.loader import parse
from regulations.problems import Kind
from tests.regulations.folders import CODE, changed, encoded, hub_files, problems_of, small_files, small_hub

REG, CON, MAP, FLOW = "regulation.yaml", "controls.csv", "mapping.csv", "workflow.yaml"

CLOCK = "{name: notice, starts: breach found, within: 1h, note: To nobody}"

# What is replaced in which file, and the kind, file and line of the problem that must be among the reported.
BROKEN: list[tuple[str, str, str, Kind, str, int]] = [
    (REG, "name: Small Act\n", "", Kind.FIELD_INVALID, REG, 1),
    (REG, "scope: Examples", "scope: ''", Kind.FIELD_INVALID, REG, 3),
    (REG, "edition: First", "edition: First\nedition: Second", Kind.FIELD_INVALID, REG, 5),
    (REG, "edition: First", "edition: First\nyear: 2026", Kind.FIELD_INVALID, REG, 5),
    (REG, "edition: First", "edition: &itself [*itself]", Kind.FIELD_INVALID, REG, 4),
    (REG, "in_force: 2024-08-01", "in_force: 2024-13-01", Kind.FIELD_INVALID, REG, 16),
    (REG, "in_force: 2024-08-01", "in_force: 2024", Kind.FIELD_INVALID, REG, 16),
    (REG, "code: small", "code: [small", Kind.FILE_UNREADABLE, REG, 2),
    (REG, "code: small", "code: \x00", Kind.FILE_UNREADABLE, REG, 1),
    (REG, "code: small", "code: large", Kind.CODE_DIFFERS, REG, 1),
    (REG, "controls: 4", "controls: 5", Kind.COUNT_DIFFERS, REG, 8),
    (REG, "finer: 2", "finer: 3", Kind.COUNT_DIFFERS, REG, 9),
    (REG, "finer_duties: 1", "finer_duties: 2", Kind.COUNT_DIFFERS, REG, 10),
    (REG, "obligations: 1", "obligations: 2", Kind.COUNT_DIFFERS, REG, 11),
    (REG, "{article: 4,", "{article: 3,", Kind.COUNT_DIFFERS, REG, 12),
    (REG, "{high: 2,", "{high: 1,", Kind.COUNT_DIFFERS, REG, 14),
    (CON, "B,,Beta", "B,,Bets", Kind.HASH_DIFFERS, REG, 6),
    (CON, "B,,Beta", "B\u00e9,,Beta", Kind.ID_INVALID, CON, 5),
    (CON, "C,,Gamma", "B,,Gamma", Kind.ID_DUPLICATE, CON, 6),
    (CON, "B,,Beta", "B,,", Kind.TITLE_MISSING, CON, 5),
    (CON, "Beta,article", "Beta,chapter", Kind.KIND_UNKNOWN, CON, 5),
    (CON, "A(1),A,", "A(1),Y,", Kind.PARENT_UNKNOWN, CON, 3),
    (CON, "A(1),A,", "A(1),A(1),", Kind.PARENT_CYCLE, CON, 3),
    (CON, "A(1),A,", "A(1),,", Kind.PARENT_MISSING, CON, 3),
    (CON, "high|low", "high|mid", Kind.VALUE_UNKNOWN, CON, 5),
    (CON, "Beta,article,yes", "Beta,article,maybe", Kind.VALUE_UNKNOWN, CON, 5),
    (CON, "id,parent,title,kind", "id,title,parent,kind", Kind.COLUMNS_WRONG, CON, 1),
    (CON, "duty,class", "duty,colour", Kind.COLUMNS_WRONG, CON, 1),
    (CON, "duty,class", "duty,colour", Kind.COLUMNS_WRONG, REG, 22),
    (CON, "duty,class", "class,class", Kind.COLUMNS_WRONG, CON, 1),
    (CON, "B,,Beta,article,yes,high|low", "B,,Beta,article", Kind.ROW_WRONG, CON, 5),
    (CON, "B,,Beta", 'B,,"Beta', Kind.FILE_UNREADABLE, CON, 1),
    (MAP, "D,TC-002", "E,TC-002", Kind.CONTROL_UNKNOWN, MAP, 8),
    (MAP, "D,TC-002", "C,TC-002", Kind.CONTROL_UNMAPPED, CON, 7),
    (MAP, "B,TC-002", "B,TC-001", Kind.MAPPING_DUPLICATE, MAP, 6),
    (MAP, "A(2),,", "A,,", Kind.MAPPING_DUPLICATE, MAP, 4),
    (MAP, "A(2),,", "B,,", Kind.MAPPING_CONTRADICTS, MAP, 4),
    (MAP, "A,,,,,,By", "A,TC-001,,,,,By", Kind.MAPPING_CONTRADICTS, MAP, 2),
    (MAP, "D,TC-002", "D,TC-099", Kind.TECHNICAL_CONTROL_UNKNOWN, MAP, 8),
    (MAP, "D,TC-002", "D,", Kind.TECHNICAL_CONTROL_UNKNOWN, MAP, 8),
    (MAP, "equivalent-to", "related-to", Kind.RELATION_UNKNOWN, MAP, 3),
    (MAP, "maintainers,R\nC", "maintainers,X\nC", Kind.STATUS_UNKNOWN, MAP, 6),
    (MAP, "maintainers,R\nC", "maintainers,D\nC", Kind.STATUS_DIFFERS, MAP, 6),
    (MAP, "equivalent-to,8", "equivalent-to,11", Kind.STRENGTH_OUT_OF_BOUNDS, MAP, 3),
    (MAP, "equivalent-to,8", "equivalent-to,0", Kind.STRENGTH_OUT_OF_BOUNDS, MAP, 3),
    (MAP, "equivalent-to,8", "equivalent-to,", Kind.STRENGTH_OUT_OF_BOUNDS, MAP, 3),
    (MAP, "TC-001 TC-002", "TC-001", Kind.COMPLETING_SET_WRONG, MAP, 5),
    (MAP, "TC-001 TC-002", "TC-002 TC-003", Kind.COMPLETING_SET_WRONG, MAP, 5),
    (MAP, "intersects-with,3,", "intersects-with,3,TC-001 TC-002", Kind.COMPLETING_SET_WRONG, MAP, 7),
    (MAP, "TC-002,subset-of,5,TC-001 TC-002", "TC-002,subset-of,5,", Kind.COMPLETING_SET_WRONG, MAP, 5),
    (MAP, "days=30", "days=91", Kind.PARAMETER_WRONG, MAP, 3),
    (MAP, "days=30", "days=0", Kind.PARAMETER_WRONG, MAP, 3),
    (MAP, "days=30", "weeks=3", Kind.PARAMETER_WRONG, MAP, 3),
    (MAP, "days=30", "days=few", Kind.PARAMETER_WRONG, MAP, 3),
    (MAP, "days=30", "days=30;days=31", Kind.PARAMETER_WRONG, MAP, 3),
    (MAP, "grants=all", "grants=none", Kind.PARAMETER_WRONG, MAP, 6),
    (MAP, "Half of it", " ", Kind.RATIONALE_MISSING, MAP, 5),
    (MAP, "No duty", "", Kind.RATIONALE_MISSING, MAP, 4),
    (MAP, "Half of it,maintainers", "Half of it,", Kind.REVIEWER_MISSING, MAP, 5),
    (MAP, ",status", ",state", Kind.COLUMNS_WRONG, MAP, 1),
    ("planned.csv", "C,E", "A(1),E", Kind.PLAN_NEEDLESS, "planned.csv", 2),
    ("planned.csv", "C,E", "A,E", Kind.PLAN_NEEDLESS, "planned.csv", 2),
    ("planned.csv", "C,E", "C,manual", Kind.STATUS_UNKNOWN, "planned.csv", 2),
    ("planned.csv", "C,E", "E,E", Kind.CONTROL_UNKNOWN, "planned.csv", 2),
    ("planned.csv", "Every case is judged", "", Kind.RATIONALE_MISSING, "planned.csv", 2),
    ("planned.csv", "judged\n", "judged\nC,E,Again\n", Kind.ID_DUPLICATE, "planned.csv", 3),
    ("dates.csv", "B,one", "B,three", Kind.LAW_UNKNOWN, "dates.csv", 3),
    ("dates.csv", "B,one", "E,one", Kind.CONTROL_UNKNOWN, "dates.csv", 3),
    ("dates.csv", "B,two,high", "B,two,mid", Kind.VALUE_UNKNOWN, "dates.csv", 4),
    ("dates.csv", "B,two,low", "B,two,high", Kind.ID_DUPLICATE, "dates.csv", 5),
    ("dates.csv", "2025-02-02", "2025-02-30", Kind.DATE_INVALID, "dates.csv", 2),
    ("dates.csv", "2025-02-02", "20250202", Kind.DATE_INVALID, "dates.csv", 2),
    ("dates.csv", "2025-02-02", "", Kind.DATE_INVALID, "dates.csv", 2),
    ("dates.csv", ",2026-08-02,2026-12-02", ",soon,2026-12-02", Kind.DATE_INVALID, "dates.csv", 7),
    ("obligations.csv", "Logging Changes", "", Kind.TITLE_MISSING, "obligations.csv", 2),
    ("obligations.csv", "KSI-1", "KSI-1,Once,,\nKSI-1", Kind.ID_DUPLICATE, "obligations.csv", 3),
    (REG, "in_force: 2026-07-27", "in_force: 2024-08-01", Kind.LAW_ORDER, REG, 17),
    (REG, "version: two", "version: one", Kind.LAW_ORDER, REG, 17),
    (REG, "changed: [B]", "changed: [E]", Kind.CONTROL_UNKNOWN, REG, 17),
    (REG, "removed: [Z]", "removed: [A]", Kind.CONTROL_UNKNOWN, REG, 17),
    (REG, "min_months: 3", "min_months: 0", Kind.FIELD_INVALID, REG, 18),
    (REG, "max_months: 12", "max_months: 11", Kind.PERIOD_WRONG, REG, 18),
    (REG, "default: [high]", "default: [mid]", Kind.SELECTOR_WRONG, REG, 24),
    (REG, "choose: many", "choose: one", Kind.SELECTOR_WRONG, REG, 24),
    (FLOW, "no_major_nonconformity", "no_such_guard", Kind.GUARD_UNKNOWN, FLOW, 6),
    (FLOW, "transition: approve", "transition: applaud", Kind.TRANSITION_UNKNOWN, FLOW, 6),
    (FLOW, "within: 60d", "within: two months", Kind.FIELD_INVALID, FLOW, 8),
    (FLOW, "clocks:", f"clocks:\n  - {CLOCK}", Kind.ID_DUPLICATE, FLOW, 9),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "kind", "at", "line"), BROKEN)
def test_a_broken_folder_is_reported_where_it_is_broken(
    file: str, old: str, new: str, kind: Kind, at: str, line: int
) -> None:
    found = {(problem.kind, problem.file, problem.line) for problem in problems_of(changed(file, old, new))}
    assert (kind, f"small/{at}", line) in found


def test_the_folder_that_the_examples_break_is_sound() -> None:
    assert problems_of(encoded(small_files())) == ()


@pytest.mark.parametrize("file", [REG, CON, MAP, FLOW])
def test_a_missing_file_is_reported(file: str) -> None:
    files = encoded(small_files())
    del files[file]
    assert (Kind.FILE_MISSING, f"small/{file}") in {(each.kind, each.file) for each in problems_of(files)}


@pytest.mark.parametrize("file", ["planned.csv", "dates.csv"])
def test_an_optional_file_may_be_absent(file: str) -> None:
    files = encoded(small_files())
    del files[file]
    assert problems_of(files) == ()


def test_a_misnamed_file_is_reported_and_templates_are_not() -> None:
    files = encoded(small_files() | {"mappings.csv": "", "templates/plan.md": "# Plan\n"})
    assert [(each.kind, each.file) for each in problems_of(files)] == [
        (Kind.FILE_UNEXPECTED, "small/mappings.csv")
    ]


def test_a_file_that_is_not_utf_8_is_reported_at_the_line_of_the_first_bad_byte() -> None:
    files = encoded(small_files()) | {MAP: b"control\nA\xff\n"}
    assert (Kind.FILE_UNREADABLE, 2) in {(each.kind, each.line) for each in problems_of(files)}


def test_every_problem_of_every_file_is_reported_in_one_go_sorted_by_place() -> None:
    files = small_files()
    files[REG] = files[REG].replace("controls: 4", "controls: 9")
    files[CON] = files[CON].replace("B,,Beta", "B,,")
    files[MAP] = files[MAP].replace("equivalent-to,8", "akin-to,99").replace("Half of it", "")
    files[FLOW] = files[FLOW].replace("approve", "applaud")
    files["dates.csv"] = files["dates.csv"].replace("2025-02-02", "soon")
    found = problems_of(encoded(files))
    assert list(found) == sorted(found)
    assert {problem.kind for problem in found} == {
        Kind.COUNT_DIFFERS,
        Kind.HASH_DIFFERS,
        Kind.TITLE_MISSING,
        Kind.RELATION_UNKNOWN,
        Kind.STRENGTH_OUT_OF_BOUNDS,
        Kind.RATIONALE_MISSING,
        Kind.TRANSITION_UNKNOWN,
        Kind.DATE_INVALID,
    }


def test_blank_lines_in_a_table_are_skipped_and_counted() -> None:
    (problem,) = problems_of(changed(MAP, "C,TC-001,intersects-with,3", "\n\nC,TC-001,intersects-with,30"))
    assert (problem.kind, problem.line) == (Kind.STRENGTH_OUT_OF_BOUNDS, 9)


def test_a_record_over_several_lines_is_reported_where_it_starts() -> None:
    (problem,) = problems_of(
        changed(MAP, "equivalent-to,8,,days=30,The same claim", 'akin-to,8,,,"The\nsame"')
    )
    assert (problem.kind, problem.line) == (Kind.RELATION_UNKNOWN, 3)
    files = small_files()
    files[MAP] = (
        files[MAP].replace("By its paragraphs", '"By its\nparagraphs"').replace("equivalent-to", "akin-to")
    )
    (later,) = problems_of(encoded(files))
    assert (later.kind, later.line) == (Kind.RELATION_UNKNOWN, 4)


FILES = tuple(small_files())
JUNK = st.binary(max_size=40) | st.text(alphabet="abc:-[]{}&*#,|\"'\n\t 1\u00e9", max_size=40).map(str.encode)


@given(st.dictionaries(st.sampled_from(FILES), JUNK, min_size=1))
def test_no_content_of_a_file_is_an_error_of_the_loader(junk: dict[str, bytes]) -> None:
    regulation, problems = parse(CODE, encoded(small_files()) | junk, small_hub())
    assert (regulation is None) == bool(problems)


@given(st.sampled_from(FILES), st.data())
def test_no_single_changed_line_is_an_error_of_the_loader(file: str, data: st.DataObject) -> None:
    lines = small_files()[file].encode().splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(JUNK)
    regulation, problems = parse(CODE, encoded(small_files()) | {file: b"".join(lines)}, small_hub())
    assert (regulation is None) == bool(problems)


def test_a_problem_reads_as_file_line_kind_and_words() -> None:
    (problem,) = problems_of(changed(REG, "controls: 4", "controls: 5"))
    assert str(problem) == "small/regulation.yaml:8: count_differs: controls: 5 expected, controls.csv has 4"


HUB_BROKEN: list[tuple[str, str, Kind, int]] = [
    ("id: TC-001", "id: TC-003", Kind.CODE_DIFFERS, 1),
    ("id: TC-001", "id: first", Kind.FIELD_INVALID, 1),
    ("mode: E", "mode: manual", Kind.FIELD_INVALID, 4),
    ("freshness: 24h", "freshness: soon", Kind.FIELD_INVALID, 9),
    ("inputs: [thing.opened, thing.closed]", "inputs: []", Kind.FIELD_INVALID, 6),
    ("default: 7", "default: 700", Kind.PARAMETER_WRONG, 8),
    ("deadline: days", "deadline: weeks", Kind.PARAMETER_WRONG, 16),
    ("opens: thing.opened", "opens: thing.started", Kind.POPULATION_WRONG, 13),
    ("closes: thing.closed", "closes: thing.ended", Kind.POPULATION_WRONG, 15),
    ("sampling: whole", "sampling: null", Kind.POPULATION_WRONG, 17),
    ("check: null\n", "", Kind.FIELD_INVALID, 1),
    ("check: null", "check: check.rego", Kind.CHECK_MISSING, 21),
]


@pytest.mark.parametrize(("old", "new", "kind", "line"), HUB_BROKEN)
def test_a_broken_technical_control_is_reported_where_it_is_broken(
    old: str, new: str, kind: Kind, line: int
) -> None:
    files = hub_files()
    content = files["tc_001"]["control.yaml"].decode()
    assert old in content
    files["tc_001"]["control.yaml"] = content.replace(old, new).encode()
    assert (kind, "controls/tc_001/control.yaml", line) in {
        (problem.kind, problem.file, problem.line) for problem in parse_hub("controls", files)[1]
    }


def test_a_check_that_nobody_declared_is_reported() -> None:
    files = hub_files()
    files["tc_002"]["check.rego"] = b"package check\n"
    assert [(each.kind, each.file) for each in parse_hub("controls", files)[1]] == [
        (Kind.CHECK_UNDECLARED, "controls/tc_002/control.yaml")
    ]


def test_a_folder_without_control_yaml_is_reported() -> None:
    assert [each.kind for each in parse_hub("controls", {"tc_009": {}})[1]] == [Kind.FILE_MISSING]


def test_no_kind_of_problem_is_without_an_example() -> None:
    shown = {case[3] for case in BROKEN} | {case[2] for case in HUB_BROKEN}
    assert shown | {Kind.FILE_MISSING, Kind.FILE_UNEXPECTED, Kind.CHECK_UNDECLARED} == set(Kind)
