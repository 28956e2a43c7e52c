"""The history as commands about it need it: what is stored, and what the open transaction adds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.lanes.ports import Changes, LaneTransaction
from projections.apply.happened import Happened, happened
from schemas.leaf import EventRecord
from schemas.personal import SubjectKey


@dataclass(frozen=True, slots=True)
class Past:
    """One event of the history, with its bytes."""

    record: EventRecord
    said: Happened


@dataclass(frozen=True, slots=True)
class History:
    """Every event up to now, of every lane; a tenant sees its own."""

    transaction: LaneTransaction
    changes: Changes

    async def event(self, tenant: str, event_id: str) -> Past | None:
        """The tenant's event of an id."""
        for row in self.changes.events:
            if (row.happened.tenant, row.happened.event_id) == (tenant, event_id):
                return Past(row.record, row.happened)
        record = await self.transaction.event(tenant, event_id)
        return Past(record, happened(record)) if record else None

    async def subject(self, tenant: str, subject: bytes) -> SubjectKey | None:
        """The key of a subject, given by digest."""
        found = await self.transaction.subject_keys([(tenant, subject)])
        return self._unless_erased(found.get((tenant, subject)))

    async def pseudonymous(self, tenant: str, pseudonym: str) -> SubjectKey | None:
        """The key of a subject, given by pseudonym."""
        return self._unless_erased(await self.transaction.subject_key(tenant, pseudonym))

    async def holds(self, tenant: str) -> Sequence[Happened]:
        """What is said about the tenant's legal holds."""
        return await self.audit_events(tenant, "hold/", prefix=True)

    async def audit_events(self, tenant: str, resource: str, prefix: bool = False) -> Sequence[Happened]:
        """What ``audit.*`` events say about a resource of the tenant, in the order of their lane.

        With ``prefix``: about every resource that begins so.
        """
        stored = [happened(each) for each in await self.transaction.audit_events(tenant, resource, prefix)]
        added = (row.happened for row in self.changes.events if row.happened.tenant == tenant)
        about = [e for e in added if e.resource == resource or (prefix and e.resource.startswith(resource))]
        return [*stored, *(event for event in about if event.type.startswith("audit."))]

    def _unless_erased(self, found: SubjectKey | None) -> SubjectKey | None:
        if found is not None and (found.tenant, found.pseudonym) in self.changes.erased:
            return replace(found, key=None)
        return found
