"""WHERE clauses put together from constant pieces; every value is a parameter."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Conditions:
    """Conditions that must all hold, with their parameters in order."""

    _clauses: list[str] = field(default_factory=list)
    arguments: list[object] = field(default_factory=list)

    def require(self, clause: str, *values: object) -> None:
        """Adds a constant clause; each ``?`` in it stands for the next value."""
        for value in values:
            self.arguments.append(value)
            clause = clause.replace("?", f"${len(self.arguments)}", 1)
        self._clauses.append(clause)

    def parameter(self, value: object) -> str:
        """The placeholder of one more value."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def where(self) -> str:
        """The WHERE clause, or nothing."""
        return " WHERE " + " AND ".join(self._clauses) if self._clauses else ""
