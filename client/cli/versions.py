"""``governance policy diff``: what changed between two versions."""

from difflib import unified_diff
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from client.cli.calling import TenantOption, reading, run
from client.cli.output import JsonOption, people, print_json, print_table
from client.cli.settings import settings
from client.errors import InvalidCommand

SETTINGS: Final = (
    "package",
    "description",
    "regulation_refs",
    "enforcement",
    "fail_mode",
    "timeout_ms",
    "personal_fields",
    "input_storage",
)
"""Fields that are compared beside the source."""

MAX_VERSIONS: Final = 1_000


def diff(
    policy: Annotated[str, typer.Argument(help="Name or id of the policy.")],
    before: Annotated[int, typer.Option("--from", min=1, help="A version.")],
    after: Annotated[int, typer.Option("--to", min=1, help="A later or earlier one.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows how source and settings of two versions differ."""

    async def read() -> dict[int, dict[str, Any]]:
        path = f"/api/v1/policies/{quote(policy, safe='')}/versions"
        async with reading(settings(), tenant) as api:
            return {item["version"]: item async for item in api.items(path, {}, MAX_VERSIONS)}

    versions = run(read(), "reading versions")
    for number in (before, after):
        if number not in versions:
            raise InvalidCommand(f"{policy} has no version {number}")
    old, new = versions[before], versions[after]
    changed = {name: [old[name], new[name]] for name in SETTINGS if old[name] != new[name]}
    source = "".join(
        unified_diff(
            old["rego_content"].splitlines(keepends=True),
            new["rego_content"].splitlines(keepends=True),
            f"version {before}",
            f"version {after}",
        )
    )
    if as_json:
        print_json({"from": before, "to": after, "settings": changed, "source": source})
        return
    if changed:
        rows = [[name, values[0], values[1]] for name, values in changed.items()]
        print_table("Settings", ("setting", f"version {before}", f"version {after}"), rows)
    if source:
        people().print(source, markup=False, highlight=False, soft_wrap=True)
    if not changed and not source:
        people().print(f"versions {before} and {after} are the same")
