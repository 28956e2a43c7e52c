"""What the background process is told by its environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from agents.engine_settings import EngineSettings
from client.bucket import DEFAULT_REGION, Bucket


class BackgroundSettings(EngineSettings):
    """Environment of ``python -m agents.background``."""

    # host:port of /live, /ready and /metrics; empty: not served.
    metrics_listen: Annotated[str, Field(alias="AUMOS_GOVERNANCE_METRICS_LISTEN")] = ""

    # The evidence bucket: S3's endpoint (empty: AWS itself), and keys that may read, list and lock.
    s3_url: Annotated[str, Field(alias="AUMOS_GOVERNANCE_S3_URL")] = ""
    bucket_name: Annotated[str, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET", min_length=1)] = (
        "aumos-governance-evidence"
    )
    access_key: Annotated[str, Field(alias="AWS_ACCESS_KEY_ID", min_length=1)]
    secret_key: Annotated[SecretStr, Field(alias="AWS_SECRET_ACCESS_KEY")]
    region: Annotated[str, Field(alias="AWS_REGION", min_length=1)] = DEFAULT_REGION

    # Bytes. A larger object is quarantined unread; the workers refuse larger submissions by the same
    # setting. S3 takes at most 5 GiB in one request.
    max_bytes: Annotated[int, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_MAX_BYTES", ge=1, le=5 * 2**30)] = 2**30

    # Days for which a verified artifact cannot be deleted, from its submission on: ten years, what the
    # EU AI Act asks for documentation (Art. 18(1)), the longest of the regulations here. At most a century:
    # it can never be shortened.
    retention_days: Annotated[
        int, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_RETENTION_DAYS", ge=1, le=36_525)
    ] = 3653

    # Seconds between looks for unverified evidence: nobody waits for a verification with open eyes.
    poll_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_EVIDENCE_POLL_S", ge=0.05, le=60)] = 1.0

    # Seconds that one replay may take (python -m agents.replay); thrice as long after its request, one that
    # nobody has reported is given up.
    replay_timeout_s: Annotated[float, Field(alias="AUMOS_GOVERNANCE_REPLAY_TIMEOUT_S", ge=1, le=86_400)] = (
        600.0
    )

    def bucket(self) -> Bucket:
        """How to reach the evidence bucket."""
        return Bucket(
            name=self.bucket_name,
            access_key=self.access_key,
            secret_key=self.secret_key.get_secret_value(),
            url=self.s3_url,
            region=self.region,
        )
