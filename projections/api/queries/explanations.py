"""What it takes to make a recorded decision again: versions as they were submitted and loaded."""

from typing import Final

import orjson

from projections.api.session import Session
from rego.loaded import Loaded
from rego.source import PolicySource

_VERSION: Final = """
SELECT rego_content, files, module, modules, data
FROM governance.policy_version WHERE policy_id = $1 AND version = $2"""


async def stored_version(
    session: Session, policy_id: str, version: int
) -> tuple[PolicySource, Loaded] | None:
    """A version as its author wrote it and as OPA held it; None where there is none."""
    row = await session.row(_VERSION, policy_id, version)
    if row is None:
        return None
    files = tuple((each["path"], each["content"]) for each in orjson.loads(row["files"]))
    modules = tuple((each["path"], each["content"]) for each in orjson.loads(row["modules"]))
    return PolicySource(row["rego_content"], files), Loaded(row["module"], modules, row["data"])
