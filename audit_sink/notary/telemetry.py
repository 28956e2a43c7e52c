"""What the notary tells about itself."""

import logging
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from audit_sink.errors import SinkError
from audit_sink.notary.notary import Signed
from audit_sink.telemetry import Health

logger: Final = logging.getLogger("audit_sink.notary")


class NotaryTelemetry:
    """Metrics in ``registry``, and one log line where something begins or ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.health = Health()
        self._size = Gauge("audit_notary_signed_size", "Entries under the last checkpoint", registry=registry)
        self._time = Gauge(
            "audit_notary_signed_time_seconds", "When the last round ended well", registry=registry
        )
        self._rounds = Counter("audit_notary_checkpoints", "Checkpoints signed", registry=registry)
        self._outages = Counter("audit_notary_outages", "Rounds that an outage ended", registry=registry)

    def resumed(self, signed: Signed) -> None:
        """It stands where it was."""
        self.health.state = "leading"
        self._size.set(signed.checkpoint.size)
        logger.info("resumed", extra={"size": signed.checkpoint.size})

    def round(self, signed: Signed | None, new: bool) -> None:
        """A round ended well."""
        self.health.problems.clear()
        self._time.set_to_current_time()
        if signed is not None and new:
            self._rounds.inc()
            self._size.set(signed.checkpoint.size)
            logger.debug("signed", extra={"size": signed.checkpoint.size})

    def outage(self, error: SinkError) -> None:
        """A round ended early; it is repeated."""
        self._outages.inc()
        if not self.health.problems:
            logger.error("outage", extra={"reason": str(error)})
        self.health.problems["round"] = str(error)
