"""What a replay of recorded decisions finds: said by the engine, by the read API and by the command line."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.command import Name


class FlipCount(BaseModel):
    """How many answers changed from one to another: ``allow``, ``deny`` or ``no answer``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    before: Name
    after: Name
    count: int = Field(ge=1)


class ResourceFlips(BaseModel):
    """How many answers about one resource changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    resource: str
    flips: int = Field(ge=1)


class ReplayDifference(BaseModel):
    """One decision that would come out otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    case: str
    """Id of the decision."""
    resource: str
    before: Name
    after: Name
    before_reasons: list[str]
    after_reasons: list[str]


class ReplayReport(BaseModel):
    """What deciding recorded inputs again with another version came to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    decisions: int = Field(ge=0)
    """Compared ones."""
    same: int = Field(ge=0)
    other_reasons: int = Field(ge=0)
    """The same answer with other reasons or obligations."""
    left_out: int = Field(ge=0)
    """Decisions that did not keep their input whole."""
    unanswered: int = Field(ge=0)
    """Decisions in which no version was asked to the end."""
    flips: list[FlipCount]
    resources: list[ResourceFlips]
    """Those with the most flips."""
    samples: list[ReplayDifference]
    deterministic: bool | None
    """Whether the version decided the same twice; None where nothing was decided again."""
    repeated: int = Field(ge=0)
    """Inputs that the version decided twice."""
    reproduced: int = Field(ge=0)
    """Recorded answers that the version that decides now gave again."""
    not_reproduced: int = Field(ge=0)
    """Those that it did not."""
    differing: list[str]
    """Cases that came out otherwise the second time."""
    duration_ms: int = Field(ge=0)

    @property
    def flipped(self) -> int:
        """Changed answers in all."""
        return sum(flip.count for flip in self.flips)
