"""What is counted of decisions, folded from the events of their lane: figures, reasons, shadows, activations.

Counts of different lanes add up. Within a lane the names that are counted by, which callers and policies
choose, are bounded: the first that come keep their own rows, the rest share one. So a lane's counts are a
function of its events alone, however they are cut into batches.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from re import compile as pattern
from typing import Final, Literal, NamedTuple, TypeVar, cast

from projections.apply.decision import EVALUATED, answer_of
from projections.apply.happened import Happened
from projections.apply.shadow import ShadowDay, comparisons
from schemas.codec import Body

ACTIVATED: Final = "governance.policy.activated"

LATENCY_BOUNDS_US: Final = (
    *(500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 25_000, 50_000),
    *(100_000, 200_000, 500_000, 1_000_000),
)
"""Upper bounds of the latency histogram, inclusive, in microseconds; one more bucket takes what is slower."""

FIGURES: Final = (
    *("allowed", "denied", "said_allow", "said_deny", "failed", "timed_out"),
    *(f"us_{bound}" for bound in LATENCY_BOUNDS_US),
    "us_more",
)
"""What a row counts, in the order of its values.

``allowed`` and ``denied`` are decisions that the policy decided; ``said_allow``, ``said_deny`` and ``failed``
are what it answered, also where another policy of the decision point decided; ``us_…`` are its answers by
the time that OPA took, where OPA was asked.
"""

MAX_POINTS: Final = 20
"""Decision points of one group (policy version, span of time, lane) that are counted by name."""

MAX_VIOLATIONS: Final = 50
"""Violations of one group that are counted by name, each at each decision point."""

OTHER: Final = "(other)"
"""Stands for every name past the bound."""

MAX_TEXT_CHARS: Final = 120
"""Of a violation that names no rule; a longer text is cut and told apart by a digest."""

Width = Literal["hour", "day"]


class Group(NamedTuple):
    """Within what names are bounded: what one version of a policy answered in one lane, hour or day."""

    tenant_id: str
    policy_id: str
    width: Width
    starts_at: datetime
    policy_version: int
    """0 where no version could be asked."""
    topic: str
    partition: int


Key = TypeVar("Key")

FigureKey = tuple[Group, str]
"""A group and a decision point."""

ReasonKey = tuple[Group, str, str, str]
"""A group, a decision point, ``violation`` or ``error``, and which."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A version became the one that decides; field order is the table's column order."""

    tenant_id: str
    policy_id: str
    event_id: str
    version: int
    previous_version: int | None
    activated_at: datetime
    topic: str
    partition: int
    lane_seq: int


@dataclass(slots=True)
class Names:
    """The names of a group that have rows of their own."""

    points: frozenset[str] = frozenset()
    violations: frozenset[tuple[str, str]] = frozenset()
    """Decision point and violation."""


@dataclass(slots=True)
class Moves:
    """By how much counts move, in the order in which events first move them."""

    figures: dict[FigureKey, list[int]] = field(default_factory=dict)
    """Values in the order of :data:`FIGURES`."""
    reasons: dict[ReasonKey, int] = field(default_factory=dict)
    activations: list[Activation] = field(default_factory=list)
    shadows: dict[ShadowDay, list[int]] = field(default_factory=dict)
    """Values in the order of :data:`projections.apply.shadow.SHADOW_FIGURES`."""


@dataclass(slots=True)
class DecisionStats:
    """What the tables hold after all events so far; give each lane's events in order."""

    figures: dict[FigureKey, list[int]] = field(default_factory=dict)
    reasons: dict[ReasonKey, int] = field(default_factory=dict)
    activations: list[Activation] = field(default_factory=list)
    shadows: dict[ShadowDay, list[int]] = field(default_factory=dict)
    _names: dict[Group, Names] = field(default_factory=dict)

    def add(self, events: Iterable[Happened]) -> None:
        """Counts further events."""
        moves, names = bounded(moved(events), self._names)
        self._names.update(names)
        for figure, values in moves.figures.items():
            _add(self.figures, figure, values)
        for reason, by in moves.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + by
        self.activations.extend(moves.activations)
        for shadow, counted in moves.shadows.items():
            _add(self.shadows, shadow, counted)


def compared(stored: DecisionStats, replayed: DecisionStats) -> Iterator[tuple[bool, str]]:
    """For each row on either side, whether both have it alike, and what is said where not."""
    for figure in stored.figures.keys() | replayed.figures.keys():
        found, right = stored.figures.get(figure), replayed.figures.get(figure)
        yield found == right, f"figures {_named(figure)}: {found}, not {right}"
    for reason in stored.reasons.keys() | replayed.reasons.keys():
        counted, expected = stored.reasons.get(reason), replayed.reasons.get(reason)
        yield counted == expected, f"reason {_named(reason)}: {counted}, not {expected}"
    for shadow in stored.shadows.keys() | replayed.shadows.keys():
        said, true = stored.shadows.get(shadow), replayed.shadows.get(shadow)
        yield said == true, f"shadow {'/'.join(map(str, shadow))}: {said}, not {true}"
    known, right_ones = set(stored.activations), set(replayed.activations)
    for activation in known | right_ones:
        yield activation in known & right_ones, f"activation {activation.event_id} differs"


def moved(events: Iterable[Happened]) -> Moves:
    """What the events move, by the names that they say."""
    hours, moment, hour = Moves(), None, _EPOCH
    for event in events:
        if event.type == EVALUATED:
            if event.occurred_at is not moment:
                moment = event.occurred_at
                hour = moment.replace(minute=0, second=0, microsecond=0)
            _count(event, hour, hours)
            for shadow, compared_by in comparisons(event):
                _add(hours.shadows, shadow, compared_by)
        elif event.type == ACTIVATED:
            hours.activations.append(_activation(event))
    moves = Moves(activations=hours.activations, shadows=hours.shadows)
    days: dict[Group, Group] = {}
    for (group, point), values in hours.figures.items():
        days[group] = day = group._replace(width="day", starts_at=group.starts_at.replace(hour=0))
        _add(moves.figures, (group, point), values)
        _add(moves.figures, (day, point), values)
    for (group, point, kind, reason), by in hours.reasons.items():
        for counted in (group, days[group]):
            key = counted, point, kind, reason
            moves.reasons[key] = moves.reasons.get(key, 0) + by
    return moves


def bounded(moves: Moves, known: Mapping[Group, Names]) -> tuple[Moves, dict[Group, Names]]:
    """The same moves with names past the bounds put together, and the names of groups that have new ones.

    ``known`` are the names that have rows; a group that is absent has none.
    """
    kept, names = Moves(activations=moves.activations, shadows=moves.shadows), dict[Group, Names]()
    places: dict[FigureKey, str] = {}
    for (group, point), values in moves.figures.items():
        points = (names.get(group) or known.get(group) or _NONE).points
        if point not in points:
            if len(points) >= MAX_POINTS or point == OTHER:
                places[group, point] = OTHER
            else:
                names[group] = Names(points | {point}, (known.get(group) or _NONE).violations)
        _add(kept.figures, (group, places.get((group, point), point)), values)
    for (group, said_at, kind, reason), by in moves.reasons.items():
        point = places.get((group, said_at), said_at)
        if kind == "violation":
            had = names.get(group) or known.get(group) or _NONE
            if (point, reason) not in had.violations:
                if len(had.violations) >= MAX_VIOLATIONS or reason == OTHER:
                    reason = OTHER
                else:
                    names[group] = Names(had.points, had.violations | {(point, reason)})
        key = group, point, kind, reason
        kept.reasons[key] = kept.reasons.get(key, 0) + by
    return kept, names


def rule_of(violation: str) -> str:
    """What a violation is counted by: the rule that it names (``rule: text``), else its text.

    Characters that no text column takes, or that nobody sees, are dropped.
    """
    if len(violation) <= MAX_TEXT_CHARS:
        return _short(violation)
    if named := _RULE.match(violation):
        return named[1]
    text = _visible(violation[:MAX_TEXT_CHARS])
    return f"{text}… {sha256(violation.encode()).hexdigest()[:8]}"


@lru_cache(maxsize=4096)  # short ones only: what is remembered of a policy's texts is bounded
def _short(violation: str) -> str:
    named = _RULE.match(violation)
    return named[1] if named else _visible(violation)


def _visible(text: str) -> str:
    return "".join(filter(str.isprintable, text))


_RULE: Final = pattern(r"([A-Za-z][A-Za-z0-9_./-]{0,79}): ")
_NONE: Final = Names()
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_ALLOWED, _DENIED, _SAID_ALLOW, _SAID_DENY, _FAILED, _TIMED_OUT, _FIRST_BOUND = range(7)
"""Places in :data:`FIGURES`."""


def _named(key: FigureKey | ReasonKey) -> str:
    group, *what = key
    return "/".join(map(str, (*group, *what)))


def _count(event: Happened, hour: datetime, moves: Moves) -> None:
    body, point = event.body, str(event.body["decision_point"])
    decided_by = _group(event, body, hour), point
    parts = cast("Sequence[Body]", body["parts"])
    for part in parts:
        _answer(part, (_group(event, part, hour), point), moves)
    if not parts:
        _answer(body, decided_by, moves)
    _figures(moves, decided_by)[_ALLOWED if body["outcome"] == "allow" else _DENIED] += 1


def _answer(answer: Body, key: FigureKey, moves: Moves) -> None:
    """Counts what one policy said."""
    values = _figures(moves, key)
    duration = cast(int, answer["duration_us"])
    if duration:
        values[_FIRST_BOUND + bisect_left(LATENCY_BOUNDS_US, duration)] += 1
    if answer["basis"] != "policy":
        values[_FAILED] += 1
        values[_TIMED_OUT] += answer["error"] == "timeout"
        _reason(moves, (*key, "error", str(answer["error"])))
    elif answer_of(answer) == "allow":
        values[_SAID_ALLOW] += 1
    else:
        values[_SAID_DENY] += 1
        for rule in dict.fromkeys(map(rule_of, cast("Sequence[str]", answer["reasons"]))):
            _reason(moves, (*key, "violation", rule))


def _group(event: Happened, answer: Body, hour: datetime) -> Group:
    version = cast("int | None", answer["version"]) or 0
    return Group(event.tenant, str(answer["policy_id"]), "hour", hour, version, event.topic, event.partition)


def _figures(moves: Moves, key: FigureKey) -> list[int]:
    values = moves.figures.get(key)
    if values is None:
        values = moves.figures[key] = [0] * len(FIGURES)
    return values


def _reason(moves: Moves, key: ReasonKey) -> None:
    moves.reasons[key] = moves.reasons.get(key, 0) + 1


def _add(figures: dict[Key, list[int]], key: Key, values: Sequence[int]) -> None:
    before = figures.get(key)
    figures[key] = list(values) if before is None else [a + b for a, b in zip(before, values, strict=True)]


def _activation(event: Happened) -> Activation:
    body = event.body
    return Activation(
        tenant_id=event.tenant,
        policy_id=str(body["policy_id"]),
        event_id=event.event_id,
        version=cast(int, body["version"]),
        previous_version=cast("int | None", body["previous_version"]),
        activated_at=event.occurred_at,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
