"""Personal fields are sealed under their subject's key; two persons destroy it, and with it the fields."""

from hashlib import sha256

import orjson
import pytest

from agents.decisions.erasure import ERASURE
from agents.lanes.memory import MemoryStore
from agents.lanes.ports import EventRow
from agents.tenant_settings import AllTenants, TenantSettings
from schemas.identity import policy_id
from schemas.models import (
    ApproveErasure,
    Command,
    EraseSubject,
    Evaluate,
    HoldEntries,
    ReleaseHold,
)
from schemas.personal import SubjectKey, commitment_of, opened, pseudonyms, subject_digest
from tests.agents.commands import TENANT, activate, confirm, create, record
from tests.agents.ports.desk import Desk

ENCRYPTING = AllTenants(
    TenantSettings(), {TENANT: TenantSettings(personal_fields="encrypt", personal_subject="/user/id")}
)
NAME = b'"Ada Lovelace"'
GATE = policy_id(TENANT, "gate")


class Office:
    """A tenant whose policy ``gate`` has personal fields."""

    def __init__(self, store: MemoryStore, settings: AllTenants = ENCRYPTING) -> None:
        self.store, self.desk = store, Desk(store, settings=settings)
        self.sent = 0

    async def open(self) -> None:
        policy = create(personal_fields=["/user/name", "/tags/*"])
        for command in (policy, activate(), confirm()):
            await self.say(command)

    async def say(self, command: Command, actor: str = "ann") -> EventRow:
        self.sent += 1
        made = self.desk.broker.append(record(command, f"c-{self.sent}", actor=actor))
        (events,) = (await self.desk.decide([made])).events.values()
        return events[0]

    async def decision(self, user: str = "u-1", name: bytes = NAME) -> EventRow:
        document = b'{"user": {"id": "%b", "name": %b}, "tags": ["x", 1.0], "n": 1.50}' % (
            user.encode(),
            name,
        )
        return await self.say(Evaluate(policy="gate", input=document, resource="model/m-1"))

    async def erase(self, user: str = "u-1") -> EventRow:
        request = await self.say(EraseSubject(person=user, authority="DSR-7", reason="asked for"), "ann")
        return await self.say(ApproveErasure(request=request.happened.event_id), "bob")

    def key(self, user: str = "u-1") -> SubjectKey:
        return self.store.tables.subject_keys[TENANT, subject_digest(TENANT, user)]


@pytest.fixture
async def office() -> Office:
    office = Office(MemoryStore())
    await office.open()
    return office


def stored(event: EventRow) -> bytes:
    kept = event.happened.body["input"]
    assert isinstance(kept, bytes)
    return kept


def read(event: EventRow, *keys: SubjectKey) -> bytes:
    held = {key.pseudonym: key.key for key in keys if key.key}
    return opened(stored(event), event.happened.event_id, held)


async def test_a_personal_value_is_in_no_event_and_is_read_with_its_key(office: Office) -> None:
    event = await office.decision()
    key = office.key()
    assert b"Ada" not in (event.record.value or b"")
    assert event.happened.body["masked"] == ["/user/name", "/tags/*"]
    assert pseudonyms(stored(event)) == {key.pseudonym}
    assert (
        read(event, key) == b'{"user": {"id": "u-1", "name": "Ada Lovelace"}, "tags": ["x", 1.0], "n": 1.50}'
    )
    shown = orjson.loads(read(event))
    assert shown["user"]["name"] == {"$personal": key.pseudonym}
    assert commitment_of(key.key or b"") == key.commitment


async def test_one_key_a_subject_and_each_value_sealed_in_its_own_way(office: Office) -> None:
    one, two, other = await office.decision(), await office.decision(), await office.decision("u-2")
    assert pseudonyms(stored(one)) == pseudonyms(stored(two)) != pseudonyms(stored(other))
    assert stored(one) != stored(two)
    assert b"Ada" not in read(other, office.key("u-1"))
    swapped = stored(one)
    assert b"Ada" not in opened(
        swapped, two.happened.event_id, {office.key().pseudonym: office.key().key or b""}
    )


async def test_a_digest_of_sealed_values_tells_nothing_to_whoever_guesses_them(office: Office) -> None:
    event = await office.decision()
    clear = read(event, office.key())
    assert event.happened.body["input_digest"] != sha256(clear).hexdigest()


async def test_after_an_erasure_no_field_of_the_subject_is_ever_read_again(office: Office) -> None:
    before, theirs, key = await office.decision(), await office.decision("u-2"), office.key()
    done = await office.erase()
    assert done.happened.type == ERASURE
    assert done.happened.body == {
        "pseudonym": key.pseudonym,
        "commitment": key.commitment.hex(),
        "authority": "DSR-7",
        "reason": "asked for",
        "requester": "ann",
        "approver": "bob",
        "request": done.happened.causation,
    }
    assert office.key().key is None
    assert b"Ada" not in read(before, office.key())
    assert b"Ada" in read(theirs, office.key("u-2"))
    for rows in office.store.tables.events.values():
        assert all(b"u-1" not in (row.record.value or b"") for row in rows if row.happened.type == ERASURE)


async def test_later_fields_of_an_erased_subject_are_masked(office: Office) -> None:
    await office.decision()
    await office.erase()
    later = await office.decision()
    assert orjson.loads(stored(later))["user"]["name"] == "***"


async def test_an_erasure_needs_two_persons_and_happens_once(office: Office) -> None:
    await office.decision()
    ask = EraseSubject(person="u-1", authority="DSR-7", reason="")
    request = await office.say(ask, "ann")
    approve = ApproveErasure(request=request.happened.event_id)
    assert (await office.say(approve, "ann")).happened.body["reason"] == "needs_second_actor"
    await office.say(approve, "bob")
    assert (await office.say(approve, "cid")).happened.body["reason"] == "already_erased"
    assert (await office.say(ask, "ann")).happened.body["reason"] == "already_erased"
    nobody = EraseSubject(person="nobody", authority="DSR-8", reason="")
    assert (await office.say(nobody, "ann")).happened.body["reason"] == "unknown_subject"
    foreign = ApproveErasure(
        request=office.store.tables.events[record(create(), "x").lane][0].happened.event_id
    )
    assert (await office.say(foreign, "bob")).happened.body["reason"] == "unknown_request"


async def test_a_hold_on_everything_stops_an_erasure_until_another_person_releases_it(office: Office) -> None:
    await office.decision()
    await office.say(HoldEntries(hold="one model", resource="model/m-1", authority="c", reason=""), "ann")
    await office.say(HoldEntries(hold="case 9", authority="court", reason=""), "ann")
    again = await office.say(HoldEntries(hold="case 9", authority="court", reason=""), "bob")
    assert again.happened.body["reason"] == "hold_in_force"
    assert (await office.erase()).happened.body["reason"] == "under_hold"
    release = ReleaseHold(hold="case 9", authority="court", reason="settled")
    assert (await office.say(release, "ann")).happened.body["reason"] == "needs_second_actor"
    assert (await office.say(release, "bob")).happened.type == "audit.legal_hold_released"
    assert (await office.say(release, "bob")).happened.body["reason"] == "unknown_hold"
    assert (await office.erase()).happened.type == ERASURE


async def test_a_tenant_that_did_not_settle_it_masks(store: MemoryStore) -> None:
    office = Office(store, AllTenants(TenantSettings(), {}))
    await office.open()
    assert orjson.loads(stored(await office.decision()))["user"]["name"] == "***"
    assert store.tables.subject_keys == {}


async def test_without_an_id_in_the_input_the_resource_is_the_subject(office: Office) -> None:
    document = b'{"user": {"name": "Ada"}}'
    event = await office.say(Evaluate(policy="gate", input=document, resource="person/7"))
    assert pseudonyms(stored(event)) == {office.key("person/7").pseudonym}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()
