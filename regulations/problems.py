"""What is wrong with a folder: every problem with its file and line, gathered in one go."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Stable name of a kind of problem."""

    FILE_MISSING = "file_missing"
    FILE_UNEXPECTED = "file_unexpected"
    FILE_UNREADABLE = "file_unreadable"
    FIELD_INVALID = "field_invalid"
    COLUMNS_WRONG = "columns_wrong"
    ROW_WRONG = "row_wrong"
    CODE_DIFFERS = "code_differs"
    COUNT_DIFFERS = "count_differs"
    HASH_DIFFERS = "hash_differs"
    ID_INVALID = "id_invalid"
    ID_DUPLICATE = "id_duplicate"
    TITLE_MISSING = "title_missing"
    KIND_UNKNOWN = "kind_unknown"
    PARENT_UNKNOWN = "parent_unknown"
    PARENT_CYCLE = "parent_cycle"
    PARENT_MISSING = "parent_missing"
    VALUE_UNKNOWN = "value_unknown"
    CONTROL_UNKNOWN = "control_unknown"
    CONTROL_UNMAPPED = "control_unmapped"
    MAPPING_DUPLICATE = "mapping_duplicate"
    MAPPING_CONTRADICTS = "mapping_contradicts"
    TECHNICAL_CONTROL_UNKNOWN = "technical_control_unknown"
    RELATION_UNKNOWN = "relation_unknown"
    STATUS_UNKNOWN = "status_unknown"
    STATUS_DIFFERS = "status_differs"
    STRENGTH_OUT_OF_BOUNDS = "strength_out_of_bounds"
    COMPLETING_SET_WRONG = "completing_set_wrong"
    PARAMETER_WRONG = "parameter_wrong"
    RATIONALE_MISSING = "rationale_missing"
    REVIEWER_MISSING = "reviewer_missing"
    PLAN_NEEDLESS = "plan_needless"
    LAW_UNKNOWN = "law_unknown"
    LAW_ORDER = "law_order"
    DATE_INVALID = "date_invalid"
    SELECTOR_WRONG = "selector_wrong"
    GUARD_UNKNOWN = "guard_unknown"
    TRANSITION_UNKNOWN = "transition_unknown"
    PERIOD_WRONG = "period_wrong"
    POPULATION_WRONG = "population_wrong"
    CHECK_UNDECLARED = "check_undeclared"
    CHECK_MISSING = "check_missing"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem; ``file`` starts with the folder's name, ``line`` counts from 1."""

    file: str
    line: int
    kind: Kind
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.message}"


@dataclass(slots=True)
class Report:
    """Gathers the problems of one folder. ``folder`` goes in front of every file name."""

    folder: str
    _problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, line: int, kind: Kind, message: str) -> None:
        """Note one problem."""
        self._problems.append(Problem(f"{self.folder}/{file}", line, kind, message))

    def problems(self) -> tuple[Problem, ...]:
        """What was noted, sorted by file and line, without repeats."""
        return tuple(sorted(set(self._problems)))
