"""Who waits for which answer: matches events and receipts with waiting callers. No I/O.

Events are matched by (tenant, command source, command id), receipts by (event topic, partition,
sequence). A receipt can be seen before its event (they come from different partitions), and an
event after its caller gave up: a bounded number of both is kept, so that a late caller, or one that
sends the same command again, is answered at once.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from client.outcome import Decided, Receipt, SignedReceipt
from client.transport import Place, Received
from schemas.codec import Body, WriterSchemas, decode
from schemas.envelope import Envelope, envelope_of
from schemas.errors import Unreadable
from schemas.topics import topics

CommandKey = tuple[str, str, str]
"""Tenant, command source, command id."""

CHECKPOINTED: Final = "governance.audit.checkpointed"

KEPT_RECEIPTS: Final = 256
"""Newest receipts kept per lane; the sink writes a few a second, so this is a minute of being late."""

KEPT_ANSWERS: Final = 256
"""Unanswered commands whose callers gave up that are remembered with their late answer; an answer can
hold an input document of 256 KiB, so this is 64 MiB at worst."""


@dataclass(frozen=True, slots=True)
class Written:
    """A receipt's content: events ``first..next - 1`` of a lane stand from ``index`` on in the wall."""

    first: int
    next: int
    index: int
    tree_size: int
    root: bytes

    def covers(self, sequence: int) -> bool:
        """Whether the event with this sequence is among them."""
        return self.first <= sequence < self.next

    def receipt(self, decided: Decided) -> Receipt:
        """The receipt of one event of the batch."""
        return Receipt(decided, self.index + decided.sequence - self.first, self.tree_size, self.root)


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint: every leaf index below ``size`` is under it."""

    size: int
    root: bytes
    note: bytes

    def receipt(self, receipt: Receipt) -> SignedReceipt:
        """The checkpoint as the proof of one event."""
        return SignedReceipt(receipt, self.size, self.root, self.note)


class Waiting:
    """The callers that wait, each with a future of its own. Used from one event loop."""

    def __init__(self, writers: WriterSchemas | None = None) -> None:
        self._writers = writers
        self._decisions: dict[CommandKey, list[asyncio.Future[Decided]]] = {}
        self._receipts: dict[Place, list[tuple[int, asyncio.Future[Written]]]] = {}
        self._written: dict[Place, deque[Written]] = {}
        self._late: OrderedDict[CommandKey, Decided | None] = OrderedDict()
        self._checkpoints: list[tuple[int, asyncio.Future[Signed]]] = []
        self._signed: Signed | None = None

    def decision(self, key: CommandKey) -> asyncio.Future[Decided]:
        """Done with the first event that answers the command. The caller must give it back in the end."""
        future: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        if (answer := self._late.get(key)) is not None:
            future.set_result(answer)
        else:
            self._decisions.setdefault(key, []).append(future)
        return future

    def give_back(self, key: CommandKey, future: asyncio.Future[Decided]) -> None:
        """The caller looks no more. A command without an answer stays known for who asks again."""
        waiting = self._decisions.get(key, [])
        if future in waiting:
            waiting.remove(future)
            if not waiting:
                del self._decisions[key]
                self._keep(key, None)
        elif future.done() and not future.cancelled():
            future.exception()  # looked at: an error that nobody awaits any more is no lost error

    def receipt(self, decided: Decided) -> asyncio.Future[Written]:
        """Done with the receipt that covers the event; cancel it to wait no more."""
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        place = decided.topic, decided.partition
        for written in self._written.get(place, ()):
            if written.covers(decided.sequence):
                future.set_result(written)
                return future
        self._receipts.setdefault(place, []).append((decided.sequence, future))
        return future

    def checkpoint(self, index: int) -> asyncio.Future[Signed]:
        """Done with a checkpoint that covers a leaf index; cancel it to wait no more."""
        future: asyncio.Future[Signed] = asyncio.get_running_loop().create_future()
        if self._signed is not None and index < self._signed.size:
            future.set_result(self._signed)
        else:
            self._checkpoints.append((index, future))
        return future

    def received(self, record: Received) -> None:
        """Takes one record of an event or receipt topic; what answers nobody is passed over.

        Raises :class:`Unreadable` for a receipt, or an answer to a waiting caller, that cannot be read.
        """
        if record.topic == topics().receipts.name:
            if dict(record.headers).get("ce_type") == CHECKPOINTED.encode():
                self._take_checkpoint(record)
            else:
                self._take_receipt(record)
        else:
            self._take_event(record)

    def fail(self, error: Exception) -> None:
        """Ends every wait with the error."""
        for decisions in self._decisions.values():
            for decision in decisions:
                if not decision.done():
                    decision.set_exception(error)
        for receipts in self._receipts.values():
            for _, receipt in receipts:
                if not receipt.done():
                    receipt.set_exception(error)
        for _, checkpoint in self._checkpoints:
            if not checkpoint.done():
                checkpoint.set_exception(error)
        self._decisions.clear()
        self._receipts.clear()
        self._checkpoints.clear()

    def _take_event(self, record: Received) -> None:
        key = command_key(dict(record.headers))
        if key is None or not (key in self._decisions or key in self._late):
            return
        envelope = envelope_of(record.headers)
        decided = decided_of(record, envelope, decode(envelope.type, record.value, self._writers))
        waiting = self._decisions.pop(key, None)
        if waiting is None:
            if self._late[key] is None:
                self._keep(key, decided)
            return
        for future in waiting:
            if not future.done():
                future.set_result(decided)

    def _take_receipt(self, record: Received) -> None:
        place, written = _written_of(decode(envelope_of(record.headers).type, record.value, self._writers))
        self._written.setdefault(place, deque(maxlen=KEPT_RECEIPTS)).append(written)
        still: list[tuple[int, asyncio.Future[Written]]] = []
        for sequence, future in self._receipts.pop(place, []):
            if future.done():
                continue
            if written.covers(sequence):
                future.set_result(written)
            else:
                still.append((sequence, future))
        if still:
            self._receipts[place] = still

    def _take_checkpoint(self, record: Received) -> None:
        body = decode(CHECKPOINTED, record.value, self._writers)
        signed = Signed(_number(body, "size"), _octets(body, "root"), _octets(body, "note"))
        if self._signed is None or signed.size > self._signed.size:
            self._signed = signed
        still: list[tuple[int, asyncio.Future[Signed]]] = []
        for index, future in self._checkpoints:
            if future.done():
                continue
            if index < signed.size:
                future.set_result(signed)
            else:
                still.append((index, future))
        self._checkpoints = still

    def _keep(self, key: CommandKey, answer: Decided | None) -> None:
        self._late[key] = answer
        self._late.move_to_end(key)
        if len(self._late) > KEPT_ANSWERS:
            self._late.popitem(last=False)


def command_key(headers: Mapping[str, bytes]) -> CommandKey | None:
    """The command that an event answers; None for events about unreadable records."""
    try:
        return (
            headers["ce_tenantid"].decode(),
            headers["ce_commandsource"].decode(),
            headers["ce_commandid"].decode(),
        )
    except (KeyError, UnicodeDecodeError):
        return None


def decided_of(record: Received, envelope: Envelope, body: Body) -> Decided:
    """An event as the answer to its command."""
    return Decided(
        command_id=envelope.command_id,
        event_id=envelope.id,
        type=envelope.type,
        subject=envelope.subject,
        time=envelope.time,
        topic=record.topic,
        partition=record.partition,
        sequence=envelope.sequence or 0,
        body=body,
    )


def _written_of(body: Body) -> tuple[Place, Written]:
    written = Written(
        first=_number(body, "first_lane_seq"),
        next=_number(body, "next_lane_seq"),
        index=_number(body, "first_index"),
        tree_size=_number(body, "next_index"),
        root=_octets(body, "root_after"),
    )
    return (str(body["topic"]), _number(body, "partition")), written


def _number(body: Body, name: str) -> int:
    value = body[name]
    if not isinstance(value, int):
        raise Unreadable("undecodable", f"receipt: {name} is no whole number")
    return value


def _octets(body: Body, name: str) -> bytes:
    value = body[name]
    if not isinstance(value, bytes):
        raise Unreadable("undecodable", f"receipt: {name} is no sequence of bytes")
    return value
