"""``governance policy list-packs|install``."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from client.cli.output import Exit
from rego.packs import FOLDER, Pack, PacksInvalid
from regulations.problems import Kind, Problem
from schemas.envelope import envelope_of
from tests.client.shell import Shell
from tests.packs.engine import Engine

TOOLS, SPENDING, EGRESS = "agent-action-tool-call", "agent-action-spending", "agent-action-data-egress"


def installed(shell: Shell, *arguments: str) -> dict[str, tuple[str, int, str]]:
    """What was done, with version and state, by policy."""
    result = shell.run("policy", "install", *arguments, "--json")
    assert result.exit_code == Exit.OK, result.output
    found = json.loads(result.stdout)["policies"]
    return {each["policy"]: (each["did"], each["version"], each["state"]) for each in found}


def types_sent(shell: Shell) -> list[str]:
    return [envelope_of(sent.headers).type.rsplit(".", 1)[1] for sent in shell.sent]


def test_every_pack_is_listed_with_its_policies(shell: Shell, packs: Mapping[str, Pack]) -> None:
    found: list[dict[str, Any]] = json.loads(shell.run("policy", "list-packs", "--json").stdout)
    assert [each["name"] for each in found] == list(packs)
    shown = shell.run("policy", "list-packs").stdout
    for each in found:
        for policy in each["policies"]:
            assert policy["name"] in shown
            assert policy["rules"]


def test_a_pack_is_installed_with_all_that_it_says_of_its_policies(shell: Shell, engine: Engine) -> None:
    name = "nist-ai-rmf-deployment-review"
    assert installed(shell, "nist_ai_rmf") == {name: ("created", 1, "validated")}
    version = engine.named(name).newest
    assert version.rego_content == (FOLDER / "nist_ai_rmf" / "deployment_review.rego").read_text()
    assert (version.enforcement, version.fail_mode) == ("advisory", "closed")
    installed(shell, "soc2")
    assert engine.named("soc2-access-grant").newest.regulation_refs == ("soc2",)
    assert engine.named("soc2-access-grant").newest.description


def test_a_pack_that_is_installed_again_sends_nothing(shell: Shell) -> None:
    installed(shell, "agent_action")
    assert types_sent(shell) == ["create", "create", "create"]
    again = installed(shell, "agent_action")
    assert again == dict.fromkeys((TOOLS, SPENDING, EGRESS), ("left", 1, "validated"))
    assert types_sent(shell) == ["create", "create", "create"]


def test_a_policy_with_another_source_gets_an_update_that_keeps_its_modes(
    shell: Shell, engine: Engine
) -> None:
    older = shell.file("older.rego", "package older\n\ndefault allow := false\n")
    shell.run("policy", "create", older, "--name", SPENDING, "--enforcement", "advisory", "--timeout-ms", "9")
    found = installed(shell, "agent_action")
    assert found[SPENDING] == ("updated", 2, "validated")
    assert found[TOOLS] == ("created", 1, "validated")
    newest = engine.named(SPENDING).newest
    assert newest.rego_content == (FOLDER / "agent_action" / "spending.rego").read_text()
    assert (newest.enforcement, newest.timeout_ms) == ("advisory", 9)


def test_a_prefix_keeps_two_installations_apart(shell: Shell) -> None:
    installed(shell, "hipaa")
    assert installed(shell, "hipaa", "--prefix", "eu-") == {"eu-hipaa-phi-use": ("created", 1, "validated")}


def test_activated_policies_decide_and_are_not_activated_twice(shell: Shell, engine: Engine) -> None:
    assert installed(shell, "soc2", "--activate") == {
        "soc2-change-deployment": ("created", 1, "active"),
        "soc2-access-grant": ("created", 1, "active"),
    }
    assert engine.named("soc2-access-grant").active_version == 1
    assert installed(shell, "soc2", "--activate")["soc2-access-grant"] == ("left", 1, "active")
    assert types_sent(shell) == ["create", "create", "activate", "activate"]


def test_what_was_installed_before_can_be_activated_later(shell: Shell, engine: Engine) -> None:
    installed(shell, "hipaa")
    assert installed(shell, "hipaa", "--activate") == {"hipaa-phi-use": ("left", 1, "active")}
    assert engine.named("hipaa-phi-use").active_version == 1


def bound(engine: Engine, name: str) -> tuple[list[str], str]:
    """The policies of a decision point, in order, and how it combines them."""
    point = engine.point(name)
    assert point is not None
    return [policy for _, policy in point.policies], point.combining


def test_bound_policies_decide_at_their_points_and_are_not_bound_twice(shell: Shell, engine: Engine) -> None:
    policies = "soc2-change-deployment", "soc2-access-grant"
    assert installed(shell, "soc2", "--bind") == dict.fromkeys(policies, ("created", 1, "active"))
    assert bound(engine, "change.deploy") == (["soc2-change-deployment"], "deny_overrides")
    assert bound(engine, "access.grant") == (["soc2-access-grant"], "deny_overrides")
    sent = ["create", "create", "activate", "activate", "bind", "bind"]
    assert types_sent(shell) == sent
    assert installed(shell, "soc2", "--bind") == dict.fromkeys(policies, ("left", 1, "active"))
    assert types_sent(shell) == sent


def test_a_decision_point_keeps_what_it_binds_and_how_it_combines(shell: Shell, engine: Engine) -> None:
    own = shell.file("own.rego", "package own\n\ndefault allow := false\n")
    shell.run("policy", "create", own, "--name", "own")
    shell.run("decision-point", "bind", "change.deploy", "own", "--combining", "all_must_allow")
    installed(shell, "soc2", "--bind")
    assert bound(engine, "change.deploy") == (["own", "soc2-change-deployment"], "all_must_allow")
    installed(shell, "dora", "--bind")
    together = ["own", "soc2-change-deployment", "dora-ict-change"]
    assert bound(engine, "change.deploy") == (together, "all_must_allow")


def test_people_see_what_became_of_each_policy(shell: Shell) -> None:
    shown = shell.run("policy", "install", "dora").stdout
    for text in ("DORA", "dora-ict-change", "dora-third-party-service", "created", "validated"):
        assert text in shown


def test_a_retired_policy_is_refused_by_name_of_the_reason(shell: Shell) -> None:
    installed(shell, "hipaa")
    shell.run("policy", "retire", "hipaa-phi-use")
    result = shell.run("policy", "install", "hipaa", "--json")
    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stderr)["reason"] == "policy_retired"


@pytest.mark.parametrize("arguments", [("nope",), ("soc2", "--prefix", "x" * 400), ()])
def test_wrong_usage_exits_2_and_sends_nothing(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.run("policy", "install", *arguments).exit_code == Exit.USAGE
    assert shell.sent == []


def test_damaged_packs_are_reported_and_not_used(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> Mapping[str, Pack]:
        raise PacksInvalid([Problem("soc2/pack.yaml", 3, Kind.FIELD_INVALID, "title: too short")])

    monkeypatch.setattr("client.cli.packs.load_packs", damaged)
    result = shell.run("policy", "list-packs")
    assert result.exit_code == Exit.USAGE
    assert "soc2/pack.yaml:3" in result.stderr
