"""How the questions of one call become requests. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agents.opa.isolation import Isolation, VersionKey
from agents.opa.ports import Question
from agents.opa.shards import shard_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that share a process and a timeout, by their positions in the call."""

    process: str
    timeout_ms: int
    isolation: Isolation
    positions: tuple[int, ...]


def version_of(question: Question) -> VersionKey:
    """The policy version that a question asks."""
    return (question.tenant, question.policy_id, question.version)


def batches_of(
    questions: Sequence[Question],
    positions: Iterable[int],
    processes: tuple[str, ...],
    items: int,
    how: Callable[[VersionKey], Isolation],
) -> list[Batch]:
    """Batches of at most ``items``, each of one process and one timeout.

    A long timeout must not widen a neighbour's, hence one timeout a batch; an isolated version
    shares no batch with another one.
    """
    groups: dict[tuple[str, int, Isolation, VersionKey | None], list[int]] = {}
    for position in positions:
        question = questions[position]
        version = version_of(question)
        isolation = how(version)
        apart = None if isolation == "mixed" else version
        process = shard_of(question.tenant, processes)
        groups.setdefault((process, question.timeout_ms, isolation, apart), []).append(position)
    return [
        Batch(process, timeout_ms, isolation, tuple(found[start : start + items]))
        for (process, timeout_ms, isolation, _), found in groups.items()
        for start in range(0, len(found), items)
    ]


def by_version(questions: Sequence[Question], batch: Batch) -> list[Batch]:
    """The batch split into one batch for each policy version."""
    groups: dict[VersionKey, list[int]] = {}
    for position in batch.positions:
        groups.setdefault(version_of(questions[position]), []).append(position)
    return [
        Batch(batch.process, batch.timeout_ms, batch.isolation, tuple(positions))
        for positions in groups.values()
    ]
