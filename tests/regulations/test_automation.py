"""Auto-assessment is computed from mappings and checks that exist; what is unassessed never counts."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from regulations.automation import Automated, Level, automated, automation, covered_by, roll_up
from regulations.loader import Library
from regulations.model import SUFFICES, Control, ControlMapping, Relation
from regulations.scope import select
from regulations.technical import Hub, Mode
from tests.regulations.folders import small, small_hub

TECHNICAL = ("TC-001", "TC-002", "TC-003", "TC-004")
CONTROLS = tuple(Control(each, None, each, "control", False, True, False, {}) for each in "ABC")


def mapping(
    control: str, technical: str, relation: Relation, together: tuple[str, ...] = ()
) -> ControlMapping:
    return ControlMapping(control, technical, relation, 5, together, {}, "why", "maintainers", Mode.EVENTS)


def met(mappings: list[ControlMapping], passed: set[str]) -> frozenset[str]:
    return covered_by(CONTROLS, mappings, lambda each: each.technical_control in passed)


mappings_lists = st.lists(
    st.builds(
        mapping,
        st.sampled_from("ABC"),
        st.sampled_from(TECHNICAL),
        st.sampled_from(Relation),
        st.lists(st.sampled_from(TECHNICAL), max_size=3).map(tuple),
    ),
    max_size=12,
)
passed_sets = st.sets(st.sampled_from(TECHNICAL))


def test_a_pass_suffices_for_three_relations_only() -> None:
    for relation in Relation:
        expected = {"A"} if relation in SUFFICES else set()
        assert met([mapping("A", "TC-001", relation)], {"TC-001"}) == expected


def test_subset_of_needs_every_member_of_its_completing_set() -> None:
    both = ("TC-001", "TC-002")
    mappings = [mapping("A", each, Relation.SUBSET_OF, both) for each in both]
    assert met(mappings, {"TC-001"}) == set()
    assert met(mappings, {"TC-002"}) == set()
    assert met(mappings, {"TC-001", "TC-002"}) == {"A"}


def test_a_completing_set_holds_for_its_own_control_only() -> None:
    both = ("TC-001", "TC-002")
    mappings = [
        mapping("A", "TC-001", Relation.SUBSET_OF, both),
        mapping("B", "TC-002", Relation.SUBSET_OF, both),
    ]
    assert met(mappings, {"TC-001", "TC-002"}) == set()


@given(mappings_lists)
def test_nothing_is_met_while_nothing_passed(mappings: list[ControlMapping]) -> None:
    assert met(mappings, set()) == set()


@given(mappings_lists, passed_sets, passed_sets)
def test_one_more_pass_never_takes_anything_away(
    mappings: list[ControlMapping], some: set[str], more: set[str]
) -> None:
    assert met(mappings, some) <= met(mappings, some | more)


@given(mappings_lists, passed_sets)
def test_what_is_only_touched_is_never_met(mappings: list[ControlMapping], passed: set[str]) -> None:
    touching = [replace(each, relation=Relation.INTERSECTS_WITH) for each in mappings]
    assert met(touching, passed) == set()


@given(mappings_lists, passed_sets)
def test_every_control_that_is_met_names_a_technical_control_that_passed(
    mappings: list[ControlMapping], passed: set[str]
) -> None:
    served = {each.control for each in mappings if each.technical_control in passed}
    assert met(mappings, passed) <= served


@given(st.sets(st.sampled_from(["A(1)", "A(1)(a)", "A(2)"])))
def test_an_id_is_met_through_its_duties_only_if_all_of_them_are(direct: set[str]) -> None:
    tree = [
        Control("A", None, "", "article", False, True, False, {}),
        Control("A(1)", "A", "", "paragraph", True, True, False, {}),
        Control("A(1)(a)", "A(1)", "", "point", True, True, False, {}),
        Control("A(2)", "A", "", "paragraph", True, True, False, {}),
        Control("A(3)", "A", "", "paragraph", True, False, False, {}),
    ]
    assert ("A" in roll_up(tree, direct)) == (direct == {"A(1)", "A(1)(a)", "A(2)"})


def test_an_id_whose_finer_ids_bind_nobody_is_not_met_through_them() -> None:
    tree = [
        Control("A", None, "", "article", False, True, False, {}),
        Control("A(1)", "A", "", "paragraph", True, False, False, {}),
    ]
    assert roll_up(tree, frozenset()) == set()


def test_only_checks_that_exist_make_a_control_available() -> None:
    regulation = small()
    assert automation(regulation, small_hub()).available.level is Level.NONE
    one = automation(regulation, small_hub("TC-001"))
    assert one.available.covered == {"A", "A(1)"}
    assert one.available.level is Level.PARTIAL
    assert automation(regulation, small_hub("TC-001", "TC-002")).available.covered == {"A", "A(1)", "B"}


def test_the_three_answers_are_told_apart() -> None:
    answers = automation(small(), small_hub("TC-001"))
    assert answers.mapped.covered == {"A", "A(1)", "B"}
    assert answers.planned.covered == {"A", "A(1)", "B", "C"}
    assert answers.available.total == answers.mapped.total == answers.planned.total == 5


def test_each_control_says_how_it_is_assessed() -> None:
    assert automated(small(), small_hub("TC-001")) == {
        "A": Automated.AVAILABLE,
        "A(1)": Automated.AVAILABLE,
        "A(2)": Automated.MANUAL,
        "B": Automated.PLANNED,
        "C": Automated.PLANNED,
        "D": Automated.PARTLY,
    }


def test_no_regulation_is_automatic_while_no_check_exists(library: Library) -> None:
    without: Hub = {each: replace(control, check=None) for each, control in library.hub.items()}
    for regulation in library.regulations.values():
        answers = automation(regulation, without)
        assert answers.available.level is Level.NONE
        assert Automated.AVAILABLE not in automated(regulation, without).values()


def test_as_designed_iso_42001_is_full_and_the_others_are_partial(library: Library) -> None:
    levels = {code: automation(each, library.hub).planned.level for code, each in library.regulations.items()}
    assert levels == {
        "soc2": Level.PARTIAL,
        "iso27001": Level.PARTIAL,
        "hipaa": Level.PARTIAL,
        "iso42001": Level.FULL,
        "eu_ai_act": Level.PARTIAL,
        "fedramp": Level.PARTIAL,
    }


def test_planned_checks_alone_are_not_what_the_hub_holds(library: Library) -> None:
    assert automation(library.regulations["iso42001"], library.hub).mapped.level is Level.PARTIAL


def test_with_every_check_of_the_hub_what_is_mapped_becomes_available(library: Library) -> None:
    complete: Hub = {each: replace(control, check="check.rego") for each, control in library.hub.items()}
    for regulation in library.regulations.values():
        answers = automation(regulation, complete)
        assert answers.available == answers.mapped
        assert answers.available.level is Level.PARTIAL


def test_a_scope_is_judged_by_its_own_controls(library: Library) -> None:
    soc2 = library.regulations["soc2"]
    privacy = automation(soc2, library.hub, within=select(soc2, {"category": ["privacy"]}))
    assert privacy.mapped.total == 33 + 18
    assert "P6.6" in privacy.mapped.covered
    assert "P6.6" not in automation(soc2, library.hub, within=select(soc2)).mapped.covered
