"""The catalogues hold exactly the ids and titles that they must.

The expected sets stand here as counts per group and as SHA-256 over the sorted ids, and over the sorted
``id title`` lines, joined by line feeds. They come from the sources of the catalogues, not from the folders.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable

import pytest

from regulations.loader import Library

CATALOGUES = {
    "soc2": (
        61,
        "f8d9bae9c257957c96601a3326dc32698b5061195493e013e22e3c463dd81b58",
        "42584a3f37ebd9fe60efdb0651acc87f941bdbe8a6b0f48b0eb895a5f4949522",
    ),
    "iso27001": (
        123,
        "b339cbc7453ba6aecadf824a01043881a6045289af5559772f65bcaa46fb2851",
        "ff15f978ed298a3653bea3fa681d01a8b9bc56e41377e432771462990c4d8937",
    ),
    "hipaa": (
        143,
        "fb5efbd0cf05afae3f4cbef891e50d4636304d9373541a018c78abe324a29345",
        "ef83c080a94c365101842f16444acb9e4e492648017325f27d7b13b3ea4e0629",
    ),
    "iso42001": (
        70,
        "e49f8df2b57ae6f0bded1afa66fc5aafac7df60cf3ac7522aa441217005b5609",
        "af89f95d7bcd17f3e678fec708ac0cd812790df809fa0515e5054d1400fa5e11",
    ),
    "eu_ai_act": (
        47,
        "3460636e785740604bfe49ea124d9f0495e84946f9bfcb2b96e15c3957f30309",
        "171617a33bf0ca4f7449eee86148db2fc48aa693672d040e4118e6178563a250",
    ),
    "fedramp": (
        323,
        "5d400b28af957de08a48ad92e25090be2d5d486553c67f1145e0ec08b149d184",
        "e6c453e984208340b8f0ff92c4c3fc85a8200727069692a4b4723459b00ff41c",
    ),
}

NAMES = {
    "soc2": ("SOC 2 Type II", "Security, Availability, Processing Integrity"),
    "iso27001": ("ISO 27001:2022", "Information Security Management"),
    "hipaa": ("HIPAA", "Healthcare data protection"),
    "iso42001": ("ISO 42001:2023", "AI Management Systems"),
    "eu_ai_act": ("EU AI Act", "AI systems risk classification"),
    "fedramp": ("FedRAMP Moderate", "US Federal cloud services"),
}


def digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def test_the_six_regulations_have_the_names_and_scopes_that_users_know(library: Library) -> None:
    assert {code: (each.name, each.scope) for code, each in library.regulations.items()} == NAMES


@pytest.mark.parametrize("code", CATALOGUES)
def test_the_ids_and_titles_are_exactly_those_of_the_catalogue(library: Library, code: str) -> None:
    rows = library.regulations[code].rows
    assert (
        len(rows),
        digest(row.id for row in rows),
        digest(f"{row.id} {row.title}" for row in rows),
    ) == CATALOGUES[code]


def by_group(library: Library, code: str, group: str) -> int:
    return sum(row.id.startswith(group) for row in library.regulations[code].rows)


@pytest.mark.parametrize(
    ("code", "groups"),
    [
        ("soc2", {"CC": 33, "A": 3, "C1": 2, "PI": 5, "P": 23}),
        ("iso27001", {"A.5.": 37, "A.6.": 8, "A.7.": 14, "A.8.": 34, "A.": 93}),
        ("iso27001", {"4.": 4, "5.": 3, "6.": 5, "7.": 7, "8.": 3, "9.": 6, "10.": 2}),
        ("iso42001", {"A.2.": 3, "A.3.": 2, "A.4.": 5, "A.5.": 4, "A.6.": 9}),
        ("iso42001", {"A.7.": 5, "A.8.": 4, "A.9.": 3, "A.10.": 3, "A.": 38}),
        ("iso42001", {"4.": 4, "5.": 3, "6.": 6, "7.": 7, "8.": 4, "9.": 6, "10.": 2}),
        ("hipaa", {"164.308": 30, "164.310": 12, "164.312": 12, "164.314": 9, "164.316": 5, "164.4": 22}),
        ("hipaa", {"164.5": 53}),
        ("eu_ai_act", {"Art. ": 37, "Annex ": 10}),
        ("fedramp", {"AC-": 43, "AU-": 16, "CM-": 27, "SI-": 24, "SC-": 29, "CP-": 23}),
    ],
)
def test_each_group_has_the_size_that_it_must(library: Library, code: str, groups: dict[str, int]) -> None:
    assert {group: by_group(library, code, group) for group in groups} == groups


def test_fedramp_has_eighteen_families_of_base_controls_and_enhancements(library: Library) -> None:
    rows = library.regulations["fedramp"].rows
    assert Counter(row.kind for row in rows) == {"base": 181, "enhancement": 142}
    assert len({row.id.split("-")[0] for row in rows}) == 18
    assert all(row.parent == row.id.split("(")[0] for row in rows if row.kind == "enhancement")


def test_hipaa_has_its_rules_and_addressable_specifications(library: Library) -> None:
    rows = library.regulations["hipaa"].rows
    assert Counter(row.attributes["rule"][0] for row in rows) == {"security": 68, "breach": 22, "privacy": 53}
    technical = [row for row in rows if row.id[:7] in {"164.308", "164.310", "164.312"}]
    sorts = Counter(row.attributes["designation"] or (row.kind,) for row in technical)
    assert sorts == {("standard",): 18, ("required",): 14, ("addressable",): 22}
    addressable = [row.id for row in rows if row.attributes["designation"] == ("addressable",)]
    assert digest(addressable) == "84b65e1e48dca57530927d405f73fe5d38ce2066d965ed69f0a25960d997abb3"


def test_the_ai_act_has_its_finer_ids_as_children_and_knows_the_duties_of_operators(library: Library) -> None:
    act = library.regulations["eu_ai_act"]
    finer = [control for control in act.controls if control.finer]
    assert len(finer) == 341
    assert (
        digest(each.id for each in finer)
        == "b6e6be6556da91721a688d27b6149de64d07397afd4f43ef5aa6a3b0e87452a7"
    )
    duties = [control.id for control in finer if control.duty]
    assert len(duties) == 273
    assert digest(duties) == "6a30927dfc5bf15eb0a37c997ecc6183b03ffd7962a681bac148c8aec1598c2a"
    for control in finer:
        assert control.parent is not None
        assert control.id.startswith(f"{control.parent}(")


def test_the_ai_act_names_what_the_law_of_2026_changed(library: Library) -> None:
    first, second = library.regulations["eu_ai_act"].laws
    assert (str(first.in_force), str(second.in_force)) == ("2024-08-01", "2026-07-27")
    assert {"Art. 4a", "Art. 5(1)(ba)", "Art. 5(1)(bb)", "Annex VIII"} <= set(second.changed)
    assert second.removed == ("Art. 10(5)",)


def test_fedramp_has_the_key_security_indicators_beside_its_controls(library: Library) -> None:
    indicators = [each.id for each in library.regulations["fedramp"].obligations]
    assert len(indicators) == 46
    assert digest(indicators) == "123f0420a61c7bf9bc854c3a573c0135bb9addf7689ffcd7b9ebf4c63836982d"


@pytest.mark.parametrize("code", CATALOGUES)
def test_every_id_is_mapped_or_manual_and_never_both(library: Library, code: str) -> None:
    regulation = library.regulations[code]
    mapped = {mapping.control for mapping in regulation.mappings}
    manual = [entry.control for entry in regulation.manual]
    assert mapped.isdisjoint(manual)
    assert len(manual) == len(set(manual))
    assert mapped | set(manual) == {control.id for control in regulation.controls}


def test_one_set_of_change_controls_serves_four_regulations(library: Library) -> None:
    served = {"soc2": "CC8.1", "iso27001": "A.8.32", "fedramp": "CM-3", "iso42001": "A.6.2.5"}
    for code, control in served.items():
        used = {mapping.technical_control for mapping in library.regulations[code].mappings_of(control)}
        assert used == {"TC-007", "TC-008", "TC-009"}


def test_iso_42001_uses_the_mode_that_was_designed_for_each_clause(library: Library) -> None:
    regulation = library.regulations["iso42001"]
    modes: dict[str, set[str]] = {control.id: set() for control in regulation.controls}
    for mapping in regulation.mappings:
        modes[mapping.control].add(mapping.mode)
    for check in regulation.planned:
        modes[check.control].add(check.mode)
    designed = {
        "D": ("4.1", "4.2", "4.3", "5.1", "5.2", "7.1", "7.2", "7.3", "7.4"),
        "R": ("4.4", "5.3", "6.1.", "6.2", "7.5.", "8.2", "8.3", "8.4"),
        "E": ("6.3", "8.1", "9.", "10."),
    }
    for mode, starts in designed.items():
        for control in regulation.controls:
            if control.kind == "clause" and control.id.startswith(starts):
                assert mode in modes[control.id], control.id


def test_no_mapping_covers_a_parent_while_one_of_its_duties_stays_open(library: Library) -> None:
    act = library.regulations["eu_ai_act"]
    sufficient = {
        mapping.control for mapping in act.mappings if mapping.relation in {"equivalent-to", "superset-of"}
    }
    complete = sufficient | {mapping.control for mapping in act.mappings if mapping.completing_set}
    open_duties = {control.id for control in act.controls if control.finer and control.duty} - complete
    for control in complete:
        assert not [duty for duty in open_duties if duty.startswith(f"{control}(")], control


def test_longer_legal_times_replace_the_defaults_of_the_hub(library: Library) -> None:
    def parameters(code: str, control: str) -> dict[str, object]:
        return {
            k: v
            for each in library.regulations[code].mappings_of(control)
            for k, v in each.parameters.items()
        }

    assert parameters("hipaa", "164.316(b)(2)(i)") == {"retention_days": 2192}
    assert parameters("hipaa", "164.404(b)") == {"deadline_hours": 60 * 24}
    assert parameters("eu_ai_act", "Art. 73(3)") == {"deadline_hours": 2 * 24}
    assert parameters("eu_ai_act", "Art. 73(4)") == {"deadline_hours": 10 * 24}
