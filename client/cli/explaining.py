"""``governance decisions explain``: which rules fired."""

from typing import Annotated
from urllib.parse import quote

import orjson
import typer

from client.cli.calling import TenantOption
from client.cli.listing import read_one
from client.cli.output import Exit, JsonOption, people, print_json, print_table


def explain(
    decision_id: Annotated[str, typer.Argument(help="Id of the decision.")],
    everything: Annotated[bool, typer.Option("--all", help="Rules that did not fire, too.")] = False,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a decision again and shows which rules fired; exits 1 where the result is another."""
    found = read_one(f"/api/v1/decisions/{quote(decision_id, safe='')}/explanation", {}, tenant)
    if as_json:
        print_json(found)
    else:
        for policy in found["policies"]:
            _show(policy, everything)
    if any(policy["same"] is False for policy in found["policies"]):
        raise typer.Exit(Exit.FAILED)


def _show(policy: dict[str, object], everything: bool) -> None:
    verdict = {True: "the same result", False: "ANOTHER RESULT", None: "nothing to compare"}[
        policy["same"]  # type: ignore[index]
    ]
    said = policy["not_run"] or verdict
    people().print(f"{policy['policy']} version {policy['version']}: {said}", markup=False)
    if policy["error"]:
        people().print(f"  {policy['error']}", markup=False)
    rules = policy["rules"]
    assert isinstance(rules, list)
    decisive = ("allow", "violations", "decision")
    rows = [
        (rule["file"], rule["row"], rule["name"], "yes" if rule["fired"] else "no", _text(rule["value"]))
        for rule in rules
        if everything or rule["fired"] or rule["name"] in decisive
    ]
    print_table("", ("file", "row", "rule", "fired", "value"), rows)


def _text(value: object) -> str:
    return "" if value is None else orjson.dumps(value).decode()
