"""``governance policy diff``: what changed between two versions."""

from difflib import unified_diff
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from client.cli.calling import TenantOption, reading, run
from client.cli.checking import OpaOption, opa_program
from client.cli.output import JsonOption, aside, people, print_json, print_table
from client.cli.settings import settings
from client.errors import InvalidCommand
from rego import CheckUnavailable
from rego.binary import BinaryLimits, OutOfBounds
from rego.findings import FILE, Failed
from rego.opa import Opa
from rego.outline import outline
from rego.source import PolicySource

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

CHECKED: Final = ("tests", "coverage", "slowest_us")
"""What running a version at its submission showed, and is compared too."""

LIMITS: Final = BinaryLimits(cpu_s=10, wall_s=30)

MAX_VERSIONS: Final = 1_000


def diff(
    policy: Annotated[str, typer.Argument(help="Name or id of the policy.")],
    before: Annotated[int, typer.Option("--from", min=1, help="A version.")],
    after: Annotated[int, typer.Option("--to", min=1, help="A later or earlier one.")],
    opa: OpaOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows how source, rules, builtins, settings, tests and coverage of two versions differ."""

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
    checked = {name: values for name in CHECKED if (values := _checked(old, new, name))}
    source = _source(_files(old), _files(new), before, after)
    outlines = run(_outlines(opa_program(opa), old, new), "parsing") if source else {}
    found = {"settings": changed, "checked": checked, "source": source, **outlines}
    if as_json:
        print_json({"from": before, "to": after, **found})
    elif changed or checked or source:
        _show(found, before, after)
    else:
        people().print(f"versions {before} and {after} are the same")


def _show(found: dict[str, Any], before: int, after: int) -> None:
    for title, name in (("Settings", "settings"), ("At submission", "checked")):
        if found[name]:
            rows = [[field, values[0], values[1]] for field, values in found[name].items()]
            print_table(title, ("", f"version {before}", f"version {after}"), rows)
    for kind in ("rules", "builtins"):
        for sign, change in (("+", "added"), ("-", "removed")):
            if names := found.get(kind, {}).get(change):
                people().print(f"{kind} {sign} {', '.join(names)}", markup=False)
    if found["source"]:
        people().print(found["source"], markup=False, highlight=False, soft_wrap=True)


def _checked(old: dict[str, Any], new: dict[str, Any], name: str) -> list[Any] | None:
    values = [(version["checked"] or {}).get(name) for version in (old, new)]
    return values if values[0] != values[1] else None


async def _outlines(binary: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Rules and builtins that came and went; nothing where OPA cannot read one of the versions."""
    opa = Opa(binary, LIMITS)
    try:
        one, two = [await outline(opa, policy_of(version)) for version in (old, new)]
    except (Failed, OutOfBounds, CheckUnavailable) as error:
        aside().print(f"rules and builtins are not compared: {error}", style="yellow", markup=False)
        return {}
    pairs = {"rules": (one.rules, two.rules), "builtins": (one.builtins, two.builtins)}
    return {
        kind: {"added": sorted({*after} - {*before}), "removed": sorted({*before} - {*after})}
        for kind, (before, after) in pairs.items()
    }


def policy_of(version: dict[str, Any]) -> PolicySource:
    """A version as it was submitted."""
    files = tuple((file["path"], file["content"]) for file in version["files"])
    return PolicySource(version["rego_content"], files)


def _files(version: dict[str, Any]) -> dict[str, str]:
    files = {file["path"]: file["content"] for file in version["files"]}
    return {FILE: version["rego_content"], **files}


def _source(old: dict[str, str], new: dict[str, str], before: int, after: int) -> str:
    """The unified diff of all files."""
    single = old.keys() | new.keys() == {FILE}
    parts: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        first, second = (files.get(path, "").splitlines(keepends=True) for files in (old, new))
        which = "" if single else f": {path}"
        parts += unified_diff(first, second, f"version {before}{which}", f"version {after}{which}")
    return "".join(parts)
