"""What is counted of decisions, as rows of the primary database: a statement a table."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import asyncpg

from projections.apply.decision_stats import (
    FIGURES,
    OTHER,
    Activation,
    FigureKey,
    Group,
    Names,
    ReasonKey,
)
from projections.apply.shadow import SHADOW_FIGURES, ShadowDay

_GROUP: Final = "tenant_id, policy_id, width, starts_at, policy_version, topic, partition"
_GROUPS: Final = (
    "unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::text[], $7::integer[])"
    f" AS k({_GROUP})"
)
_POINT: Final = 9
"""Number of the first parameter after group and decision point."""

NAMES: Final = f"""
SELECT {_GROUP}, decision_point, NULL AS violation
FROM {_GROUPS} JOIN decision_stat USING ({_GROUP})
UNION ALL
SELECT {_GROUP}, decision_point, reason
FROM {_GROUPS} JOIN decision_reason USING ({_GROUP}) WHERE kind = 'violation'
"""  # noqa: S608 - our own names

COUNT: Final = f"""
INSERT INTO decision_stat AS s ({_GROUP}, decision_point, {", ".join(FIGURES)})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::text[],
                     $7::integer[], $8::text[],
                     {", ".join(f"${_POINT + n}::bigint[]" for n in range(len(FIGURES)))})
ON CONFLICT ({_GROUP}, decision_point) DO UPDATE SET
    {", ".join(f"{name} = s.{name} + excluded.{name}" for name in FIGURES)}
"""  # noqa: S608 - our own names

COUNT_REASONS: Final = f"""
INSERT INTO decision_reason AS r ({_GROUP}, decision_point, kind, reason, value)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::text[],
                     $7::integer[], $8::text[], $9::text[], $10::text[], $11::bigint[])
ON CONFLICT ({_GROUP}, decision_point, kind, reason) DO UPDATE SET value = r.value + excluded.value
"""  # noqa: S608 - our own names

_SHADOW_DAY: Final = ", ".join(ShadowDay._fields)

COUNT_SHADOWS: Final = f"""
INSERT INTO policy_shadow_count AS c ({_SHADOW_DAY}, {", ".join(SHADOW_FIGURES)})
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::date[], $5::text[], $6::integer[],
                     $7::bigint[], $8::bigint[], $9::bigint[])
ON CONFLICT ({_SHADOW_DAY}) DO UPDATE SET
    {", ".join(f"{name} = c.{name} + excluded.{name}" for name in SHADOW_FIGURES)}
"""  # noqa: S608 - our own names

ACTIVATION_COLUMNS: Final = tuple(Activation.__slots__)

Columns = list[list[object]]


def group_columns(groups: Collection[Group]) -> Columns:
    """Groups as columns."""
    return _columns(list(groups))


def figure_columns(figures: Mapping[FigureKey, Sequence[int]]) -> Columns:
    """Moves of figures as columns."""
    return _columns([(*group, point, *values) for (group, point), values in figures.items()])


def reason_columns(reasons: Mapping[ReasonKey, int]) -> Columns:
    """Moves of reasons as columns."""
    return _columns([(*group, *what, by) for (group, *what), by in reasons.items()])


def shadow_columns(shadows: Mapping[ShadowDay, Sequence[int]]) -> Columns:
    """Moves of shadows' figures as columns."""
    return _columns([(*day, *values) for day, values in shadows.items()])


def activation_values(activation: Activation) -> tuple[object, ...]:
    """Values of :data:`ACTIVATION_COLUMNS`."""
    return tuple(getattr(activation, name) for name in ACTIVATION_COLUMNS)


def names_of(rows: Sequence[asyncpg.Record], groups: Collection[Group]) -> dict[Group, Names]:
    """The names that each of the groups has rows of their own for."""
    points: dict[Group, set[str]] = {group: set() for group in groups}
    violations: dict[Group, set[tuple[str, str]]] = {group: set() for group in groups}
    for *group, point, violation in rows:
        key = Group(*group)
        if violation is None:
            points[key].add(point)
        else:
            violations[key].add((point, violation))
    return {
        key: Names(frozenset(points[key] - {OTHER}), frozenset(v for v in violations[key] if v[1] != OTHER))
        for key in points
    }


def _columns(rows: Sequence[Sequence[object]]) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]
