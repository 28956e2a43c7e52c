"""Every tenant's own tree, as its entries in the database give it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.reading import StoredEntry
from audit_sink.notary.statements import TENANT_HEAD
from audit_sink.verify.ahead import Ahead, ahead_of
from audit_sink.verify.report import Report
from audit_sink.verify.state import frontier_of, saved_frontier
from audit_sink.wall import TreeTile
from schemas.leaf import decode_entry


class KeptLeaves(Protocol):
    """What is kept of pruned entries, by tenant. Methods raise Unavailable."""

    async def kept_tenants(self) -> Sequence[bytes]:
        """The tenants of which anything is kept apart from their entries."""

    async def kept_leaves(self, tenant: bytes, first: int, end: int) -> Sequence[bytes]:
        """Leaf hashes ``first`` to ``end - 1`` of a tenant's tree, as far as they are kept in one run."""

    async def kept_before(self, tenant: bytes, first: int, index: int) -> Sequence[bytes]:
        """Those from ``first`` on that stand before leaf ``index`` of the log."""


@dataclass(slots=True)
class TenantTrees:
    """The trees as far as the entries were read.

    The leaves of pruned entries come from the tenants' tiles, and are held against the heads that the log
    states later. Memory: 32 bytes for each entry since the last statement about its tenant, once anything
    is pruned.
    """

    kept: KeptLeaves
    report: Report
    owed: int = 0
    """Pruned entries that were passed and are in no tenant's tree yet."""
    pruned: bool = False
    """Whether anything was, anywhere."""
    trees: dict[bytes, Frontier] = field(default_factory=dict)
    heads: dict[bytes, Ahead] = field(default_factory=dict)

    async def take(self, entries: Sequence[StoredEntry]) -> list[TreeTile]:
        """Takes the entries that come next; the tiles that they filled."""
        columns = self.report.check("columns")
        leaves: dict[bytes, list[bytes]] = {}
        for stored in entries:
            tenant = stored.tenant_id.encode()
            mine = leaves.setdefault(tenant, [])
            place = self._size(tenant) + len(mine)
            if stored.tenant_index > place and self.owed:
                mine += self._owing(tenant, await self.kept.kept_leaves(tenant, place, stored.tenant_index))
                place = self._size(tenant) + len(mine)
            if stored.tenant_index != place:
                columns.fail(f"database: entry {stored.leaf_index} has another place in its tenant's tree")
            mine.append(stored.leaf_hash)
            if self.pruned:
                self.heads.setdefault(tenant, Ahead()).follow(stored.leaf_hash)
                if stored.event_type == TENANT_HEAD:
                    self._compare(stored)
        return self._extended(leaves)

    async def finish(self, index: int) -> list[TreeTile]:
        """What is kept of tenants that have no entry more before ``index``; the tiles that it filled."""
        leaves: dict[bytes, Sequence[bytes]] = {}
        for tenant in await self.kept.kept_tenants() if self.owed else ():
            found = await self.kept.kept_before(tenant, self._size(tenant), index)
            leaves[tenant] = self._owing(tenant, found)
        if self.owed:
            message = f"database: {self.owed} pruned entries more or less than its tenants' trees have"
            self.report.check("columns").fail(message)
        return self._extended(leaves)

    def saved(self) -> Mapping[str, Any]:
        """All of it, for :meth:`restore`."""
        return {
            "owed": self.owed,
            "trees": {name.decode(): saved_frontier(tree) for name, tree in self.trees.items()},
            "heads": {name.decode(): head.saved() for name, head in self.heads.items()},
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Goes on from what was saved."""
        self.owed = saved["owed"]
        self.trees = {name.encode(): frontier_of(each) for name, each in saved["trees"].items()}
        self.heads = {name.encode(): ahead_of(each) for name, each in saved["heads"].items()}

    def _size(self, tenant: bytes) -> int:
        return self.trees[tenant].size if tenant in self.trees else 0

    def _owing(self, tenant: bytes, found: Sequence[bytes]) -> Sequence[bytes]:
        self.owed -= len(found)
        self.heads.setdefault(tenant, Ahead()).follow(b"".join(found))
        return found

    def _compare(self, stored: StoredEntry) -> None:
        """Holds a head that the log states against the tree."""
        check, index, tenant = self.report.check("tenant"), stored.leaf_index, stored.tenant_id
        check.compared += 1
        body = json.loads(decode_entry(stored.entry)[0].value or b"")
        root = self.heads[tenant.encode()].root_at(body["size"])
        if root is None or root.hex() != body["root"]:
            check.fail(f"database: entry {index} states another head of tenant {tenant!r}", index)

    def _extended(self, leaves: Mapping[bytes, Sequence[bytes]]) -> list[TreeTile]:
        filled: list[TreeTile] = []
        for name, added in leaves.items():
            self.trees[name], full = self.trees.get(name, Frontier()).extend(added)
            filled += [TreeTile(name, *tile) for tile in full]
        return filled
