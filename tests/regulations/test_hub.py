"""The technical controls of this project."""

from datetime import timedelta

from regulations.hub import FOLDER, load_hub
from regulations.loader import Library
from regulations.technical import Choice, Mode, Number
from tests.regulations.folders import small_hub


def test_the_hub_has_the_first_thirty_two_technical_controls_without_a_problem() -> None:
    hub, problems = load_hub()
    assert problems == ()
    assert sorted(hub) == [f"TC-{number:03}" for number in range(1, 33)]


def test_a_check_is_claimed_exactly_where_its_file_exists(library: Library) -> None:
    for control in library.hub.values():
        file = FOLDER / control.id.lower().replace("-", "_") / "check.rego"
        assert (control.check == "check.rego") == file.exists()


def test_an_empty_population_is_never_a_pass(library: Library) -> None:
    assert {control.empty for control in library.hub.values()} == {"not_assessable"}


def test_a_check_runs_more_often_than_its_result_goes_stale(library: Library) -> None:
    for control in library.hub.values():
        assert timedelta(0) < control.cadence <= control.freshness
        assert control.grace < control.freshness


def test_every_technical_control_is_used_by_some_regulation(library: Library) -> None:
    used = {mapping.technical_control for each in library.regulations.values() for mapping in each.mappings}
    assert used == set(library.hub)


def test_titles_and_claims_are_not_shared(library: Library) -> None:
    controls = library.hub.values()
    assert len({control.title for control in controls}) == len({control.claim for control in controls}) == 32


def test_parameters_are_numbers_with_bounds_or_choices() -> None:
    hub = small_hub()
    assert hub["TC-001"].parameters == {"days": Number("days", 7, 1, 90, "down")}
    assert hub["TC-002"].parameters == {"grants": Choice(("privileged", "all"), "privileged")}
    assert (hub["TC-001"].mode, hub["TC-002"].mode) == (Mode.EVENTS, Mode.REGISTRY)
    assert hub["TC-002"].freshness == timedelta(days=7)
