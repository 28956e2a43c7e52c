"""Migrates the primary database.

Reads ``AUMOS_GOVERNANCE_MIGRATION_DATABASE_URL`` (a login that may create roles and schemas) and
the passwords of the logins it creates.
"""

import asyncio
import os
import sys
from pathlib import Path

from projections.migrations.runner import migrate

LOGINS = {
    "gov_agents": "AUMOS_GOVERNANCE_AGENTS_PASSWORD",
    "gov_reader": "AUMOS_GOVERNANCE_READER_PASSWORD",
    "gov_bundles": "AUMOS_GOVERNANCE_BUNDLES_PASSWORD",
    "gov_background": "AUMOS_GOVERNANCE_BACKGROUND_PASSWORD",
    "gov_replay": "AUMOS_GOVERNANCE_REPLAY_PASSWORD",
}


def main() -> None:
    """Exit 0 when the schema is current, 2 when a setting is missing."""
    needed = ["AUMOS_GOVERNANCE_MIGRATION_DATABASE_URL", *LOGINS.values()]
    if missing := [name for name in needed if not os.environ.get(name)]:
        print(f"set {', '.join(missing)}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)
    applied = asyncio.run(
        migrate(
            os.environ[needed[0]],
            Path(__file__).parent,
            {role: os.environ[name] for role, name in LOGINS.items()},
        )
    )
    print(f"primary database: {', '.join(applied) or 'up to date'}")  # noqa: T201


if __name__ == "__main__":
    main()
