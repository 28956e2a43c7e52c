"""What the bundle service is told by its environment."""

from typing import Annotated

from pydantic import Field

from agents.engine_settings import EngineSettings, HexKey


class BundleSettings(EngineSettings):
    """Environment of ``python -m agents.bundles``."""

    # Only its length matters here: one bundle per process, named opa-0, opa-1, … in this order.
    opa_url: Annotated[str, Field(alias="AUMOS_GOVERNANCE_OPA_URL")] = "http://localhost:8181"

    # host:port. OPA asks here for its bundle, probes for health.
    listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_BUNDLE_LISTEN")] = "127.0.0.1:8282"

    # host:port of a second listener for /metrics alone; empty: /metrics on `listen` only.
    metrics_listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_METRICS_LISTEN")] = ""

    # Hex. When set, bundles are signed (HS256) and OPA's configuration must hold the same key under the
    # id "bundles". Never the engine key: OPA must not be able to make commands.
    signing_key: Annotated[HexKey | None, Field(alias="AUMOS_GOVERNANCE_BUNDLE_KEY")] = None

    # Seconds from an activation's first sight until it is given up. Loading 500 modules takes 0.6 s;
    # ten leaves room for a busy machine and for OPA's longest pause between polls (2 s). At least 1.
    confirm_timeout_s: Annotated[
        float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_CONFIRM_TIMEOUT_S", ge=1, le=3600)
    ] = 10.0

    # Seconds after which a verdict without effect is sent again: above a worker's restart (4 s).
    repeat_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_REPEAT_S", ge=0.1, le=3600)] = 5.0

    # Seconds between readings of the database when no notification comes.
    poll_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_POLL_S", ge=0.05, le=60)] = 1.0

    # Seconds for which changes are collected before a bundle is made: one reload instead of many.
    coalesce_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_BUNDLE_COALESCE_S", ge=0, le=10)] = 0.02

    def processes(self) -> int:
        """How many OPA processes there are."""
        return len([url for url in self.opa_url.split(",") if url.strip()])

    def bundle_key(self) -> bytes:
        """The signing key, empty for none."""
        return bytes.fromhex(self.signing_key.get_secret_value()) if self.signing_key else b""
