"""Deciding the entries of one lane, in order, inside one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from agents.decisions.erasure import erased
from agents.decisions.outcome import Outcome, Rejection
from agents.lanes.auditing import decide_about_history
from agents.lanes.drafting import TooLarge, answer, offset_reached, repeat_refused
from agents.lanes.entries import Entry, about_lane
from agents.lanes.handlers.port import Session
from agents.lanes.history import History
from agents.lanes.journal import Journal
from agents.lanes.ports import EventRow, QuarantineState
from agents.lanes.quarantine import Held, Quarantine
from agents.reading import Identified, InboxKey, Reading, Received, Refused, Unread
from agents.records import Skip
from schemas.models import (
    ApproveCorrection,
    AuditCommand,
    CorrectEvent,
    DiscardQuarantined,
    RepublishLane,
    RetryQuarantined,
)
from schemas.topics import event_topic_of


@dataclass(slots=True)
class LaneWork:
    """One lane's way through one transaction."""

    journal: Journal
    quarantine: Quarantine
    session: Session
    history: History
    digests: dict[InboxKey, bytes]
    """Of every command that has its outcome; shared by the lanes of the transaction."""
    republish_from: int = 0
    """Lowest sequence that an operator wants again, 0 for none."""

    async def take(self, entry: Entry) -> None:
        """Decides one entry."""
        reading = entry.reading
        if reading is None:
            assert isinstance(entry.item, Skip)
            self._skip(entry.item)
        elif isinstance(reading, Unread):
            self.quarantine.keep_unread(reading)
        elif self._repeated(reading):
            return
        elif entry.poison:
            self.quarantine.keep(reading, "quarantined", "poison", "it ended the process at every attempt")
        elif self.quarantine.holds_up(reading):
            self.quarantine.keep(reading, "parked", "parked", "an earlier command of its key is quarantined")
        else:
            await self._decide(reading, entry.held)

    def _repeated(self, reading: Identified) -> bool:
        """Whether the command had its outcome before; another body under its id is refused."""
        earlier = self.digests.get(reading.key)
        if earlier is None:
            return False
        if earlier != reading.digest:
            rejection = Rejection("id_reused", "this id was used for another command before")
            self.journal.reject(reading, rejection, repeat_refused(reading))
        return True

    async def _decide(self, reading: Received | Refused, held: Sequence[Reading] = ()) -> None:
        if isinstance(reading, Refused):
            self._settle(reading, Rejection(reading.reason, reading.detail))
            return
        match reading.command:
            case RepublishLane() as command:
                self._settle(reading, self._republish(command))
            case RetryQuarantined() | DiscardQuarantined() as command:
                await self._resolve(reading, command, held)
            case CorrectEvent() | ApproveCorrection() | AuditCommand() as command:
                answered = await decide_about_history(reading, command, self.history)
                events = self._settle(reading, *answered)
                self.journal.changes.erased.extend(erased(event.happened for event in events))
            case _:
                first_event = answer(reading).event_id(0)
                outcome = self._stale(reading) or await self.session.decide(reading, first_event)
                if events := self._settle(reading, outcome):
                    self.session.accept(reading, events)

    def _stale(self, reading: Received) -> Rejection | None:
        expected = reading.envelope.expected_version
        if expected is None or (now := self.session.version(reading)) == expected:
            return None
        return Rejection("stale_version", f"the aggregate is at version {now}, not {expected}")

    def _settle(
        self, reading: Received | Refused, outcome: Outcome, key: bytes | None = None
    ) -> list[EventRow]:
        """Writes the outcome and the command's inbox row; returns the events unless it is a rejection.

        Events get the command's key, or another.
        """
        cause = answer(reading)
        accepted: list[EventRow] = []
        if not isinstance(outcome, Rejection):
            try:
                accepted = self.journal.emit(outcome, replace(cause, key=key or cause.key))
            except TooLarge:
                outcome = Rejection("event_too_large", "the decision's event exceeds the event limit")
        self.digests[reading.key] = reading.digest
        if isinstance(outcome, Rejection):
            self.journal.settle(reading, "rejected", self.journal.reject(reading, outcome, cause))
        else:
            self.journal.settle(reading, "decided", accepted)
        return accepted

    def _skip(self, item: Skip) -> None:
        body = {
            "topic": item.topic,
            "partition": item.partition,
            "from_offset": item.offset,
            "next_offset": item.next_offset,
            "reason": "not_in_the_log",
        }
        self.journal.emit((self.journal.about_lane("records_skipped", body),), offset_reached(item))

    def _republish(self, command: RepublishLane) -> Outcome:
        last = self.journal.clock.next_seq - 1
        if command.from_sequence > last:
            return Rejection("nothing_to_republish", f"the lane's last sequence is {last}")
        first = self.republish_from or command.from_sequence
        self.republish_from = min(first, command.from_sequence)
        body = {
            "topic": event_topic_of(command.topic),
            "partition": command.partition,
            "from_sequence": command.from_sequence,
            "to_sequence": last,
        }
        return (self.journal.about_lane("lane_republished", body),)

    async def _resolve(
        self, reading: Received, command: RetryQuarantined | DiscardQuarantined, known: Sequence[Reading]
    ) -> None:
        """Takes up or gives up what is held, then decides what was parked behind it."""
        queue = await self.quarantine.queue(command.offset, known)
        if refusal := _cannot_resolve(command, queue):
            self._settle(reading, refusal)
            return
        taken = self.quarantine.release(queue, command.offset)
        first: QuarantineState = "retried" if isinstance(command, RetryQuarantined) else "discarded"
        actions: list[tuple[Held, QuarantineState]] = [(taken[0], first)]
        actions += [(held, "released") for held in taken[1:]]
        drafts = [
            self.journal.about_lane("quarantine_resolved", _resolved(held, action, command.reason))
            for held, action in actions
        ]
        self._settle(reading, tuple(drafts))
        for held, action in actions:
            self.journal.changes.resolved.append(((self.journal.lane, held.offset), action))
            if action != "discarded":
                await self._take_up(held.reading)

    async def _take_up(self, reading: Reading) -> None:
        match reading:
            case Unread():
                raise AssertionError("unreadable records are never taken up")
            case Received() | Refused():
                if not self._repeated(reading):
                    await self._decide(reading)
            case _:
                assert_never(reading)


def _cannot_resolve(
    command: RetryQuarantined | DiscardQuarantined, queue: Sequence[Held]
) -> Rejection | None:
    if not queue:
        return Rejection("not_quarantined", f"nothing is held at offset {command.offset}")
    if isinstance(command, DiscardQuarantined):
        return None
    if queue[0].offset != command.offset:
        return Rejection("held_up", f"offset {queue[0].offset} of the same key is held before it")
    reading = queue[0].reading
    if isinstance(reading, Unread):
        return Rejection("still_unreadable", f"{reading.reason}: {reading.detail}")
    if about_lane(reading):
        return Rejection("not_retriable", "discard it and send the lane command again")
    return None


def _resolved(held: Held, action: QuarantineState, reason: str) -> dict[str, object]:
    record = held.row.record
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "action": action,
        "reason": reason,
    }
