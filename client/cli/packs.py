"""``governance policy list-packs|install``: the ready policies of this checkout."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from client.api import NOT_FOUND, ReadApi
from client.cli.activation import activate_and_wait, read_policy
from client.cli.binding import Bound, bind_policies
from client.cli.calling import ActorOption, TenantOption, TimeoutOption, asking, reading, run
from client.cli.output import JsonOption, print_json, print_table
from client.cli.settings import Settings, settings
from client.cli.submitting import typed
from client.errors import ApiRefused, InvalidCommand
from client.governance import SUBMIT_TIMEOUT_S, GovernanceClient
from rego.packs import Pack, PackPolicy, PacksInvalid, load_packs
from schemas.models import ActivatePolicy, CreatePolicy, UpdatePolicy

PackArgument = Annotated[str, typer.Argument(help="Name of the pack.")]
PrefixOption = Annotated[str, typer.Option(help="Goes in front of each policy's name.")]
ActivateOption = Annotated[bool, typer.Option("--activate", help="Wait until each policy decides.")]
BindOption = Annotated[
    bool, typer.Option("--bind", help="Activate, and add each policy to its decision point.")
]

Did = Literal["created", "updated", "left"]


@dataclass(frozen=True, slots=True)
class _Installed:
    policy: str
    did: Did
    version: int
    state: str
    """State of the version when it was installed, ``active`` once it decides."""


def register(app: typer.Typer) -> None:
    """Adds the commands to ``governance policy``."""
    app.command("list-packs")(list_packs)
    app.command("install")(install)


def list_packs(as_json: JsonOption = False) -> None:
    """Lists the packs, with the policies of each and the regulations that their rules serve."""
    packs = _packs()
    if as_json:
        print_json([_document(pack) for pack in packs.values()])
        return
    columns = ("pack", "title", "policy", "decision point", "rules", "enforcement", "regulations")
    print_table("Packs", columns, [_row(pack, policy) for pack in packs.values() for policy in pack.policies])


def install(
    pack: PackArgument,
    activate: ActivateOption = False,
    bind: BindOption = False,
    prefix: PrefixOption = "",
    tenant: TenantOption = None,
    actor: ActorOption = None,
    timeout: TimeoutOption = SUBMIT_TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Creates each policy of a pack, or updates it where its source differs; needs the read API.

    A policy that has the pack's source already is left. An update keeps the policy's own enforcement,
    fail mode and deadline. A decision point keeps what it binds already, and its combining rule.
    """
    packs = _packs()
    chosen = packs.get(pack)
    if chosen is None:
        raise InvalidCommand(f"there is no pack {pack}; known: {', '.join(packs)}")
    found = settings()
    done = run(
        _install(found, chosen, prefix, tenant, actor, timeout),
        "waiting for the decisions",
    )
    if activate or bind:  # at its decision point, a policy that does not decide denies
        done = [_activated(found, each, tenant, actor, timeout) for each in done]
    bound: list[Bound] = []
    if bind:
        call = bind_policies(found, _by_decision_point(chosen, prefix), tenant, actor, timeout)
        bound = run(call, "waiting for the decision points")
    if as_json:
        print_json({"pack": pack, "policies": done, "decision_points": bound})
        return
    rows = [(each.policy, each.did, each.version, each.state) for each in done]
    print_table(chosen.title, ("policy", "was", "version", "state"), rows)
    if bound:
        rows_bound = [(point.name, ", ".join(point.policies)) for point in bound]
        print_table("\nDecision points", ("decision point", "policies"), rows_bound)


def _by_decision_point(pack: Pack, prefix: str) -> dict[str, list[str]]:
    points: dict[str, list[str]] = {}
    for policy in pack.policies:
        points.setdefault(policy.decision_point, []).append(f"{prefix}{policy.name}")
    return points


async def _install(
    found: Settings, pack: Pack, prefix: str, tenant: str | None, actor: str | None, timeout: float
) -> list[_Installed]:
    sender = found.sender(tenant, actor)
    async with reading(found, tenant) as api, asking(found, sender) as client:
        return [
            await _install_one(client, api, sender.tenant, f"{prefix}{policy.name}", policy, timeout)
            for policy in pack.policies
        ]


async def _install_one(
    client: GovernanceClient, api: ReadApi, tenant: str, name: str, policy: PackPolicy, timeout: float
) -> _Installed:
    about = {
        "rego_content": policy.source,
        "description": policy.description,
        "regulation_refs": list(policy.regulation_refs),
    }
    standing = await _standing(api, tenant, name)
    if standing is None:
        modes = {"enforcement": policy.enforcement, "fail_mode": policy.fail_mode}
        command = typed(CreatePolicy, {"name": name, **about, **modes})
        decided = await client.submit(command, "decided", timeout=timeout)
        return _Installed(name, "created", _version(decided.body), "validated")
    newest = max(standing["versions"], key=lambda each: int(each["version"]))
    # A retired policy takes no update: the engine's refusal says so better than silence.
    if newest["rego_content"] == policy.source and standing["state"] != "retired":
        return _Installed(name, "left", int(newest["version"]), str(newest["state"]))
    decided = await client.submit(typed(UpdatePolicy, {"policy": name, **about}), "decided", timeout=timeout)
    return _Installed(name, "updated", _version(decided.body), "validated")


def _activated(
    found: Settings, installed: _Installed, tenant: str | None, actor: str | None, timeout: float
) -> _Installed:
    """The policy once its version decides; nothing is sent where it does already."""
    if installed.state == "active":
        return installed
    name, version = installed.policy, installed.version
    command = typed(ActivatePolicy, {"policy": name, "version": version})
    call = activate_and_wait(found, command, name, version, True, tenant, actor, None, timeout)
    run(call, "waiting for every OPA to confirm the version")
    return _Installed(name, installed.did, version, "active")


async def _standing(api: ReadApi, tenant: str, name: str) -> dict[str, Any] | None:
    try:
        return await read_policy(api, tenant, name)
    except ApiRefused as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _version(body: Any) -> int:
    return int(body["version"])


def _packs() -> dict[str, Pack]:
    try:
        return dict(load_packs())
    except PacksInvalid as error:
        raise InvalidCommand(f"the packs have problems:\n{error}") from error


def _row(pack: Pack, policy: PackPolicy) -> tuple[object, ...]:
    serves = ", ".join(policy.regulation_refs) or pack.title
    return (
        pack.name,
        pack.title,
        policy.name,
        policy.decision_point,
        len(policy.rules),
        policy.enforcement,
        serves,
    )


def _document(pack: Pack) -> dict[str, object]:
    return {
        "name": pack.name,
        "title": pack.title,
        "description": pack.description,
        "regulations": pack.regulations,
        "references": pack.references,
        "policies": [
            {
                "name": policy.name,
                "description": policy.description,
                "decision_point": policy.decision_point,
                "regulation_refs": policy.regulation_refs,
                "enforcement": policy.enforcement,
                "fail_mode": policy.fail_mode,
                "rules": [rule.model_dump() for rule in policy.rules],
            }
            for policy in pack.policies
        ],
        "sources": [source.model_dump() for source in pack.sources],
    }
