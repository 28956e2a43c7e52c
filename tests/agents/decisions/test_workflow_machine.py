"""A state machine over the pure decisions: whatever is asked in whatever order, the rules hold."""

from collections import defaultdict
from functools import reduce
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents.decisions.guards import GUARDS
from agents.decisions.outcome import Rejection
from agents.decisions.transitions import PHASES, TRANSITIONS
from agents.decisions.workflow import WorkflowCommand
from projections.apply.workflow import WORKFLOW_EVENTS, evolve
from projections.apply.workflow_state import WorkflowState
from tests.agents.decisions.workflows import (
    ANNEX,
    CLAUSE,
    Life,
    advance,
    assign,
    cancel,
    create,
    exclude,
    fire,
    include,
    regulation,
)

REASONS: Final = frozenset(
    {
        "already_exists",
        "unknown_control",
        "nothing_changes",
        "already_decided",
        "same_person",
        "reason_required",
        "not_excludable",
        "workflow_closed",
        "guard_failed",
        "guard_not_available",
        "transition_not_allowed",
        "obsolete_timer",
    }
)
PERSONS: Final = st.sampled_from(["ann", "bob", "eve"])
CONTROLS: Final = st.lists(st.sampled_from([ANNEX, "A.2.3", "A.10.4", CLAUSE, "A.99"]), max_size=3)
SOMEBODY: Final = st.none() | PERSONS
WORDS: Final = st.sampled_from(["", "because", "agreed"])


class WorkflowMachine(RuleBasedStateMachine):
    """One workflow and three persons."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.asked: defaultdict[str, set[str]] = defaultdict(set)
        """Per control, who has asked for its exclusion since it was last taken in."""

    @initialize(defaults=st.booleans())
    def begin(self, defaults: bool) -> None:
        self.life.take(create())
        if defaults:
            self.life.take(assign(owner="carl", assessor="eve"), include(reason="all"))

    @rule(person=PERSONS, controls=CONTROLS, owner=SOMEBODY, assessor=SOMEBODY)
    def assign(self, person: str, controls: list[str], owner: str | None, assessor: str | None) -> None:
        if owner or assessor:
            self.ask(assign(*controls, owner=owner, assessor=assessor), person)

    @rule(person=PERSONS, controls=CONTROLS, reason=WORDS)
    def include(self, person: str, controls: list[str], reason: str) -> None:
        self.ask(include(*controls, reason=reason), person)

    @rule(person=PERSONS, controls=CONTROLS, reason=WORDS)
    def exclude(self, person: str, controls: list[str], reason: str) -> None:
        self.ask(exclude(*controls, reason=reason), person)

    @rule(person=PERSONS, transition=st.sampled_from([*TRANSITIONS, "begin", "scope", "open_collection"]))
    def advance(self, person: str, transition: str) -> None:
        if transition != "cancel":
            self.ask(advance(transition, "go"), person)

    @rule(person=PERSONS, sure=st.integers(0, 9))
    def cancel(self, person: str, sure: int) -> None:
        if sure == 0:
            self.ask(cancel(), person)

    @rule(generation=st.integers(1, 2))
    def fire(self, generation: int) -> None:
        self.ask(fire(generation), "aumos-background")

    @rule(person=PERSONS)
    def create(self, person: str) -> None:
        self.ask(create("soc2"), person)

    def ask(self, command: WorkflowCommand, person: str) -> None:
        """A command that may be refused, but only for a reason that is known."""
        before = self.state
        outcome = self.life.decide(command, person)
        if isinstance(outcome, Rejection):
            assert outcome.reason in REASONS
            assert outcome.detail
            return
        assert {draft.type for draft in outcome} <= WORKFLOW_EVENTS
        after = self.life.take(command, actor=person)
        assert after != before, "what is accepted changes something"
        self.follow(before, after, person)

    def follow(self, before: WorkflowState, after: WorkflowState, person: str) -> None:
        """What two persons must have said, seen from outside."""
        for old, new in zip(before.controls, after.controls, strict=True):
            if new.applicability == "applicable":
                self.asked[new.control_id].clear()
            elif new.applicability == "excluded" and old.applicability != "excluded":
                assert self.asked[new.control_id], "nobody had asked"
                assert person not in self.asked[new.control_id]
            elif new.applicability == "exclusion_requested" and old.applicability != new.applicability:
                self.asked[new.control_id].add(person)

    def state_after(self, events: int) -> WorkflowState:
        """The state that the first events make."""
        first, *others = self.life.events[:events]
        return reduce(evolve, others, evolve(None, first))

    @property
    def state(self) -> WorkflowState:
        assert self.life.state is not None
        return self.life.state

    @invariant()
    def versions_count_events_and_a_replay_gives_the_state(self) -> None:
        if self.life.state is None:
            return
        assert self.state_after(len(self.life.events)) == self.state
        assert self.state.version == len(self.life.events)

    @invariant()
    def the_scope_stays_and_the_phase_follows_the_state(self) -> None:
        if self.life.state is None:
            return
        assert [c.control_id for c in self.state.controls] == [c.id for c in regulation().rows]
        assert self.state.phase == PHASES[self.state.state]

    @invariant()
    def nothing_is_met_and_the_counts_add_up(self) -> None:
        if self.life.state is None:
            return
        state = self.state
        undecided = sum(control.applicability == "undecided" for control in state.controls)
        assert state.applicable + state.excluded + undecided == 70
        assert (state.assessed, state.satisfied) == (0, 0)

    @invariant()
    def only_annex_a_is_excluded_and_by_two_persons(self) -> None:
        if self.life.state is None:
            return
        for control in self.state.controls:
            excluded = control.applicability == "excluded"
            assert excluded == (control.approved_by is not None) == (control.state == "not_applicable")
            if control.applicability in {"excluded", "exclusion_requested"}:
                assert control.control_id.startswith("A.")
                assert control.reason
                assert control.decided_by not in (None, control.approved_by)

    @invariant()
    def what_collects_has_passed_its_guards(self) -> None:
        if self.life.state is None or self.state.state != "collecting":
            return
        opened = max(n for n, e in enumerate(self.life.events) if e.body.get("new_status") == "collecting")
        then = self.state_after(opened + 1)
        for name in ("G1", "G2", "G3"):
            assert list(GUARDS[name](then, regulation())) == []
        assert all(c.state in {"evidence_pending", "not_applicable"} for c in self.state.controls)

    @invariant()
    def timers_are_armed_while_the_period_runs(self) -> None:
        if self.life.state is None:
            return
        timer = self.state.timer("period_end")
        assert timer is not None
        expected = "fired" if self.state.period_ended else "disarmed" if self.state.closed else "armed"
        assert timer.state == expected


TestWorkflows = WorkflowMachine.TestCase
TestWorkflows.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
