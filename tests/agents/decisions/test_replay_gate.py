"""An activation that waits for a replay: what lets it go on, what keeps it back, and who may override."""

from collections.abc import Mapping

import pytest

from agents.decisions.policy import PolicyCommand
from agents.tenant_settings import TenantSettings
from projections.apply.policy import PolicyState
from projections.apply.replay import Replay
from schemas.models import (
    ActivatePolicy,
    FlipCount,
    ReplayGate,
    ReplayReport,
    ReportReplay,
    RetirePolicy,
    RollbackPolicy,
    UpdatePolicy,
)
from tests.agents.commands import activate, confirm, create
from tests.agents.decisions.events import History

GATE = ReplayGate(days=7, flip_budget=2)
DEMANDED = TenantSettings(replay_gate=ReplayGate(days=30, flip_budget=1))
UPDATE = UpdatePolicy(policy="gate", description="changed")


def asking(version: int = 2, gate: ReplayGate | None = GATE) -> ActivatePolicy:
    return ActivatePolicy(policy="gate", version=version, replay=gate)


def overriding(version: int = 2, reason: str = "agreed") -> ActivatePolicy:
    return ActivatePolicy(policy="gate", version=version, override_replay=reason)


def found(flips: int = 0, **fields: object) -> ReplayReport:
    whole: dict[str, object] = {
        "decisions": 100,
        "same": 100 - flips,
        "other_reasons": 0,
        "left_out": 0,
        "unanswered": 0,
        "flips": [FlipCount(before="allow", after="deny", count=flips)] if flips else [],
        "resources": [],
        "samples": [],
        "deterministic": True,
        "repeated": 100,
        "reproduced": 100,
        "not_reproduced": 0,
        "differing": [],
        "duration_ms": 5,
    }
    return ReplayReport.model_validate({**whole, **fields})


def reporting(
    replay: str, report: ReplayReport | None = None, error: str = "", version: int = 2
) -> ReportReplay:
    return ReportReplay(policy="gate", version=version, replay=replay, error=error, report=report)


def two_versions(settings: TenantSettings | None = None) -> History:
    history = History()
    history.take(create(), activate(), confirm(), UPDATE)
    history.settings = settings or TenantSettings()
    return history


def waiting(settings: TenantSettings | None = None) -> tuple[History, str]:
    """A history whose version 2 waits for its replay, and that replay."""
    history = two_versions(settings)
    replay = newest(history.take(asking()))
    return history, replay.replay_id


def newest(policy: PolicyState, version: int = 2) -> Replay:
    replay = policy.versions[version - 1].replay
    assert replay is not None
    return replay


def last(history: History, count: int) -> list[str]:
    return [event.type.removeprefix("governance.policy.") for event in history.events[-count:]]


def body(history: History) -> Mapping[str, object]:
    return history.events[-1].body


def test_a_replay_is_asked_for_and_what_decided_goes_on_deciding() -> None:
    history = two_versions()
    policy = history.take(asking())
    assert last(history, 1) == ["replay_requested"]
    assert (body(history)["days"], body(history)["flip_budget"]) == (7, 2)
    assert policy.active_version == 1
    assert [version.state for version in policy.versions] == ["active", "validated"]
    replay = newest(policy)
    assert (replay.outcome, replay.requested_by) == ("running", history.events[-1].actor)
    assert history.reason(asking()) == history.reason(activate(version=2)) == "already_replaying"


@pytest.mark.parametrize(
    ("asked", "days", "budget"),
    [(None, 30, 1), (GATE, 30, 1), (ReplayGate(days=90, flip_budget=0), 90, 0)],
)
def test_the_tenant_demands_its_replay_of_every_activation_and_nobody_gets_less_by_asking(
    asked: ReplayGate | None, days: int, budget: int
) -> None:
    history = two_versions(DEMANDED)
    history.take(asking(gate=asked))
    assert (body(history)["days"], body(history)["flip_budget"]) == (days, budget)


def test_within_the_budget_the_version_goes_on_to_be_loaded_and_the_report_is_kept() -> None:
    history, replay = waiting()
    policy = history.take(reporting(replay, found(flips=2)))
    assert last(history, 2) == ["replayed", "activation_requested"]
    assert policy.versions[1].state == "activating"
    kept = newest(policy)
    assert (kept.outcome, kept.finished_at) == ("within_budget", history.events[-2].occurred_at)
    assert kept.report is not None
    assert kept.report["flips"] == [{"before": "allow", "after": "deny", "count": 2}]
    assert history.take(confirm(version=2, revision=2)).active_version == 2


@pytest.mark.parametrize(
    ("report", "error", "outcome", "reason"),
    [
        (found(flips=3), "", "over_budget", "3 answers change, 2 may"),
        (None, "the database is gone", "failed", "the database is gone"),
        (found(deterministic=False, differing=["d-1: …"]), "", "failed", "another result: d-1"),
        (found(decisions=0, same=0, left_out=9), "", "failed", "none of 9 decisions kept its input"),
    ],
)
def test_what_a_replay_keeps_back_stays_what_it_was_and_the_events_say_why(
    report: ReplayReport | None, error: str, outcome: str, reason: str
) -> None:
    history, replay = waiting()
    policy = history.take(reporting(replay, report, error))
    assert last(history, 2) == ["replayed", "activation_blocked"]
    for event in history.events[-2:]:
        assert event.body["outcome"] == outcome
        assert reason in str(event.body["reason"])
    assert (policy.active_version, policy.versions[1].state) == (1, "validated")
    assert newest(policy).outcome == outcome
    assert history.take(asking()).versions[1].replaying, "it may be asked for again"


def test_without_any_recorded_decision_there_is_nothing_that_could_change() -> None:
    history, replay = waiting()
    history.take(reporting(replay, found(decisions=0, same=0, deterministic=None)))
    assert last(history, 1) == ["activation_requested"]


def test_an_answer_of_the_deciding_version_that_is_not_made_again_does_not_keep_a_better_one_back() -> None:
    history, replay = waiting()
    history.take(reporting(replay, found(not_reproduced=1, differing=["d-1: …"])))
    assert last(history, 1) == ["activation_requested"]


def test_a_report_counts_once_and_for_its_own_replay_only() -> None:
    history, replay = waiting()
    assert history.reason(reporting("another", found())) == "not_replaying"
    assert history.reason(reporting(replay, found(), version=1)) == "not_replaying"
    history.take(reporting(replay, found(flips=9)))
    assert history.reason(reporting(replay, found())) == "not_replaying"


def test_another_actor_than_author_and_asker_overrides_with_a_reason() -> None:
    history, replay = waiting()
    author, asker = history.events[3].actor, history.events[4].actor
    history.take(reporting(replay, found(flips=9)))
    for own in (author, asker):
        history.actor = own
        assert history.reason(overriding()) == "needs_second_actor"
    history.actor = "a third"
    policy = history.take(overriding())
    overridden = history.events[-2]
    assert last(history, 2) == ["replay_overridden", "activation_requested"]
    assert (overridden.body["replay"], overridden.body["reason"]) == (replay, "agreed")
    kept = newest(policy)
    assert (kept.outcome, kept.overridden_by, kept.override_reason) == (
        "over_budget",
        overridden.actor,
        "agreed",
    )


def test_an_override_needs_a_replay_that_keeps_the_version_back_and_serves_once() -> None:
    history = two_versions(DEMANDED)
    assert history.reason(overriding()) == "nothing_to_override"
    replay = newest(history.take(asking())).replay_id
    history.take(reporting(replay, found(flips=9)), overriding(), confirm(version=2, revision=2))
    history.take(RollbackPolicy(policy="gate"))
    assert history.reason(overriding()) == "nothing_to_override"


def test_a_replay_that_does_not_end_can_be_overridden_too_and_its_late_report_changes_nothing() -> None:
    history, replay = waiting()
    policy = history.take(overriding())
    assert newest(policy).outcome == "abandoned"
    assert history.reason(reporting(replay, found())) == "not_replaying"


def test_a_rollback_is_exempt_also_while_its_version_is_replayed() -> None:
    history = two_versions()
    history.take(activate(version=2), confirm(version=2, revision=2))
    history.settings = DEMANDED
    replay = newest(history.take(asking(version=1)), 1).replay_id
    assert history.take(RollbackPolicy(policy="gate")).active_version == 1
    policy = history.take(reporting(replay, found(), version=1))
    assert last(history, 1) == ["replayed"], "it decides already"
    assert newest(policy, 1).outcome == "within_budget"


def test_with_its_policy_a_replay_is_over() -> None:
    history, replay = waiting()
    policy = history.take(RetirePolicy(policy="gate"))
    assert newest(policy).outcome == "abandoned"
    assert history.reason(reporting(replay, found())) == "policy_retired"


@pytest.mark.parametrize("command", [asking(version=1), asking(version=9), overriding(version=1)])
def test_the_gate_hides_no_other_rejection(command: PolicyCommand) -> None:
    assert two_versions().reason(command) in {"already_active", "unknown_version"}
