"""Scope selectors choose controls; a scope that is not offered is refused with every reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulations import SelectionRefused
from regulations.loader import Library
from regulations.scope import Selection, select
from tests.regulations.folders import changed, small


def ids(selection: Selection) -> set[str]:
    return {control.id for control in selection.controls}


@pytest.mark.parametrize(
    ("code", "choices", "count"),
    [
        ("soc2", {}, 41),
        ("soc2", {"category": ["security"]}, 33),
        ("soc2", {"category": ["availability"]}, 36),
        ("soc2", {"category": ["availability", "confidentiality", "processing_integrity", "privacy"]}, 61),
        ("iso27001", {}, 123),
        ("iso42001", {}, 70),
        ("hipaa", {}, 143),
        ("hipaa", {"rule": ["security"]}, 68),
        ("hipaa", {"rule": ["security", "breach"]}, 90),
        ("hipaa", {"role": ["covered_entity"]}, 132),
        ("hipaa", {"role": ["business_associate"]}, 74),
        ("fedramp", {}, 323),
        ("fedramp", {"baseline": ["cr2026_class_c"]}, 322),
        ("eu_ai_act", {}, 47),
    ],
)
def test_a_choice_gives_as_many_controls_as_it_must(
    library: Library, code: str, choices: dict[str, list[str]], count: int
) -> None:
    assert len(select(library.regulations[code], choices).controls) == count


def test_class_c_leaves_out_exactly_the_plan_of_action(library: Library) -> None:
    fedramp = library.regulations["fedramp"]
    assert ids(select(fedramp)) - ids(select(fedramp, {"baseline": ["cr2026_class_c"]})) == {"CA-5"}


def test_roles_of_the_ai_act_have_their_own_articles(library: Library) -> None:
    act = library.regulations["eu_ai_act"]
    deployer = select(act, {"role": ["deployer"], "class": ["annex_iii"]})
    assert {"Art. 5", "Art. 26", "Art. 27", "Art. 86"} <= ids(deployer)
    assert ids(deployer).isdisjoint({"Art. 9", "Art. 23", "Art. 24", "Art. 53"})
    importer = select(act, {"role": ["importer"], "class": ["annex_i"]})
    assert ids(importer) == {"Art. 5", "Art. 23", "Art. 25"}


def test_classes_of_the_ai_act_bring_their_own_articles(library: Library) -> None:
    act = library.regulations["eu_ai_act"]
    general = select(act, {"role": ["gpai_provider"], "class": ["gpai"]})
    assert ids(general) == {"Art. 5", "Art. 51", "Art. 53", "Art. 54", "Annex XI", "Annex XII", "Annex XIII"}
    systemic = select(act, {"role": ["gpai_provider"], "class": ["gpai_systemic"]})
    assert ids(systemic) - ids(general) == {"Art. 52", "Art. 55"}


def test_the_whole_ai_act_brings_its_finer_ids(library: Library) -> None:
    selection = select(library.regulations["eu_ai_act"])
    assert len(selection.finer) == 341
    assert sum(control.duty for control in selection.finer) == 273


@pytest.mark.parametrize("code", ["iso27001", "iso42001"])
def test_only_annex_a_can_be_excluded(library: Library, code: str) -> None:
    for control in library.regulations[code].controls:
        assert control.excludable == control.id.startswith("A.")


@pytest.mark.parametrize("code", ["soc2", "hipaa", "eu_ai_act", "fedramp"])
def test_elsewhere_nothing_can_be_excluded(library: Library, code: str) -> None:
    assert not any(control.excludable for control in library.regulations[code].controls)


def test_what_is_always_in_scope_cannot_be_chosen_away() -> None:
    selection = select(small(), {"class": ["low"]})
    assert selection.choices == {"class": ("high", "low")}
    assert ids(selection) == {"A", "B", "C", "D"}
    assert ids(select(small())) == {"A", "B", "D"}


def test_a_finer_id_is_in_scope_only_with_what_it_refines() -> None:
    files = changed("regulation.yaml", "choose: many, always: [high]", "choose: many, always: []")
    files["controls.csv"] = files["controls.csv"].replace(
        b"A,,Alpha,article,yes,", b"A,,Alpha,article,yes,high"
    )
    files["regulation.yaml"] = files["regulation.yaml"].replace(b"high: 2,", b"high: 3,")
    assert [control.id for control in select(small(files)).finer] == ["A(1)", "A(2)"]
    assert select(small(files), {"class": ["low"]}).finer == ()


def test_every_reason_is_given_when_a_scope_is_refused(library: Library) -> None:
    with pytest.raises(SelectionRefused) as refused:
        select(library.regulations["fedramp"], {"baseline": ["high", "rev5_moderate"], "planet": ["mars"]})
    assert refused.value.reasons == (
        "baseline has no value high",
        "baseline takes one value",
        "planet is no selector of fedramp",
    )


def test_an_empty_choice_is_refused(library: Library) -> None:
    with pytest.raises(SelectionRefused, match="category needs a value"):
        select(library.regulations["soc2"], {"category": []})


@given(st.data())
def test_a_wider_choice_never_drops_a_control(library: Library, data: st.DataObject) -> None:
    regulation = data.draw(st.sampled_from(sorted(library.regulations.values(), key=lambda each: each.code)))
    many = {column: each.values for column, each in regulation.selectors.items() if each.choose == "many"}
    narrow = {column: data.draw(st.sets(st.sampled_from(each), min_size=1)) for column, each in many.items()}
    wide = {
        column: narrow[column] | data.draw(st.sets(st.sampled_from(each))) for column, each in many.items()
    }
    assert (
        ids(select(regulation, narrow))
        <= ids(select(regulation, wide))
        <= {each.id for each in regulation.rows}
    )
