"""The evidence bucket that an environment names."""

from collections.abc import Mapping

from client.bucket import Bucket


def bucket_of(environment: Mapping[str, str]) -> Bucket:
    """As a process with that environment has it."""
    return Bucket(
        name=environment["AUMOS_GOVERNANCE_EVIDENCE_ARTIFACT_BUCKET"],
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        url=environment["AUMOS_GOVERNANCE_S3_URL"],
    )
