"""Commands that are addressed to a lane: about the lane itself, or about an event in it."""

from pydantic import Field

from schemas.command import Command, EventId, JsonObject, Name, Text


class LaneAddressed(Command):
    """A command that goes to the partition that it names, whatever its key."""

    topic: Name
    """Command topic of the lane."""
    partition: int = Field(ge=0)

    def aggregate(self, tenant: str) -> str:
        return f"{self.topic}/{self.partition}"

    def subject(self, tenant: str) -> str:
        return f"lane/{self.aggregate(tenant)}"


class LaneCommand(LaneAddressed):
    """An operator's command about a lane itself."""


class RepublishLane(LaneCommand):
    """Publishes a lane's events from a sequence to its head once more."""

    TYPE = "governance.lane.republish"
    from_sequence: int = Field(ge=1)


class RetryQuarantined(LaneCommand):
    """Processes a quarantined command, then what is parked behind it."""

    TYPE = "governance.quarantine.retry"
    offset: int = Field(ge=0)
    reason: Text = ""


class DiscardQuarantined(LaneCommand):
    """Gives a quarantined command up; what is parked behind it is processed."""

    TYPE = "governance.quarantine.discard"
    offset: int = Field(ge=0)
    reason: Text = ""


class CorrectEvent(LaneAddressed):
    """Proposes to correct an event of the caller's tenant; the event itself stays as it is."""

    TYPE = "governance.audit.correct"
    event_id: EventId
    reason: Text = Field(min_length=1)
    details: JsonObject
    """What is right, as a JSON object."""


class ApproveCorrection(LaneAddressed):
    """Approves a proposed correction; needs another actor than the one who proposed it."""

    TYPE = "governance.audit.approve_correction"
    request: EventId
    """Event id of the proposal."""
