"""What the replay process is told by its environment."""

from typing import Annotated

from pydantic import Field

from agents.engine_settings import EngineSettings


class ReplaySettings(EngineSettings):
    """Environment of ``python -m agents.replay``."""

    # host:port of /live, /ready and /metrics; empty: not served.
    metrics_listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_METRICS_LISTEN")] = ""

    opa_binary: Annotated[str, Field(alias="AUMOS_GOVERNANCE_OPA_BINARY", min_length=1)] = "opa"

    # Seconds that one replay may take: at 10,000 decisions a second, six million of them. Longer ones keep
    # their version back; the background process gives up replays that got no report in thrice the time.
    timeout_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_REPLAY_TIMEOUT_S", ge=1, le=86_400)] = 600.0

    # Added to the process's and its OPAs' nice value (POSIX), so that live decisions come first.
    nice: Annotated[int, Field(alias="AUMOS_GOVERNANCE_REPLAY_NICE", ge=0, le=19)] = 10
