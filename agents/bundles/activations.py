"""Which activations are to be confirmed or given up, which versions are to be suspended because no bundle
with them loads, and what was already said of them.

Per version one verdict: the record that carries it is kept and, while the version still waits, sent again
with the same bytes, so that the inbox takes it once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agents.bundles.commands import Sealer
from agents.bundles.ports import LoadableVersion, VersionKey
from agents.bundles.shard import Shard
from agents.engine_commands import EngineCommand
from schemas.models import ConfirmActivation, Confirmation, FailActivation, SuspendPolicy

MAX_REASON_CHARS = 2000
"""Bound of ``reason`` in the command's schema."""


@dataclass(slots=True)
class Pending:
    """One version that waits for its verdict or for what that leads to; times are of a monotonic clock."""

    version: LoadableVersion
    shard: str
    seen_at: float
    verdict: EngineCommand | None = None
    sent_at: float | None = None


@dataclass(slots=True)
class Activations:
    """The activations under way.

    ``patience_s``: seconds from first sight until a version that no process loaded is given up.
    ``repeat_s``: seconds after which a verdict that had no effect yet is sent again.
    """

    sealer: Sealer
    patience_s: float
    repeat_s: float
    _pending: dict[VersionKey, Pending] = field(default_factory=dict)
    _culprits: dict[VersionKey, Pending] = field(default_factory=dict)

    def observe(self, activating: Iterable[tuple[str, LoadableVersion]], now: float) -> None:
        """Takes over the versions that now wait, each with the name of its process."""
        before, self._pending = self._pending, {}
        for shard, version in activating:
            known = before.get(version.key)
            if known is None or known.version.activating_since != version.activating_since:
                known = Pending(version, shard, now)
            self._pending[version.key] = known

    def due(self, shards: Mapping[str, Shard], now: float) -> list[tuple[Pending, EngineCommand]]:
        """The verdicts to be sent now; the caller sets ``sent_at`` of what it sent."""
        for pending in self._pending.values():
            pending.verdict = pending.verdict or self._verdict(pending, shards[pending.shard], now)
        before, self._culprits = self._culprits, {}
        for shard in shards.values():
            for version, why in shard.culprits:
                known = before.get(version.key) or Pending(version, shard.name, now)
                known.verdict = known.verdict or self._suspension(version, why)
                self._culprits[version.key] = known
        return [
            (pending, pending.verdict)
            for pending in (*self._pending.values(), *self._culprits.values())
            if pending.verdict is not None
            and (pending.sent_at is None or now - pending.sent_at >= self.repeat_s)
        ]

    def _verdict(self, pending: Pending, shard: Shard, now: float) -> EngineCommand | None:
        version = pending.version
        since = version.activating_since.isoformat() if version.activating_since else ""
        if shard.confirmed is not None and shard.serves(version.key):
            revision = shard.confirmed.revision
            confirm = ConfirmActivation(
                policy=version.policy_id,
                version=version.version,
                revision=revision,
                confirmations=[Confirmation(opa=shard.name, revision=revision)],
            )
            return self.sealer.seal(version.tenant, confirm, since)
        reason = shard.excluded.get(version.key)
        if reason is None and now - pending.seen_at >= self.patience_s:
            reason = f"{shard.name} did not load it in {self.patience_s:g} s"
            if shard.trouble is not None:
                reason += f"; it says: {shard.trouble.message}"
        if reason is None:
            return None
        fail = FailActivation(
            policy=version.policy_id,
            version=version.version,
            reason=_bounded(reason),
        )
        return self.sealer.seal(version.tenant, fail, since)

    def _suspension(self, version: LoadableVersion, why: str) -> EngineCommand:
        """Said of one confirmation of a version: activated again it has another, and may fail again."""
        suspend = SuspendPolicy(
            policy=version.policy_id, version=version.version, reason=_bounded(why), cause="bundle"
        )
        return self.sealer.seal(version.tenant, suspend, str(version.confirmed_revision))


def _bounded(reason: str) -> str:
    return reason.replace("\x00", "")[:MAX_REASON_CHARS]
