"""The table of docs/packs.md."""

from collections.abc import Mapping
from itertools import groupby

from rego.packs import Pack, PackPolicy


def table(packs: Mapping[str, Pack]) -> str:
    """A row for each policy, as Markdown."""
    rows = [
        "| pack | policy | asked at | rules | serves |",
        "| --- | --- | --- | --- | --- |",
    ]
    for pack in packs.values():
        for policy in pack.policies:
            point = f"`{policy.decision_point}`"
            mode = "" if policy.enforcement == "mandatory" else f" ({policy.enforcement})"
            cells = (
                f"`{pack.name}`",
                f"`{policy.name}`{mode}",
                point,
                str(len(policy.rules)),
                serves(policy),
            )
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def serves(policy: PackPolicy) -> str:
    """Regulations with the number of their controls, and the frameworks of the references."""
    links = sorted({link for rule in policy.rules for link in rule.controls})
    counted = [f"{code} {len(list(of))}" for code, of in groupby(links, lambda link: link.split("/", 1)[0])]
    references = {reference for rule in policy.rules for reference in rule.references}
    return ", ".join([*counted, *([f"{len(references)} references"] if references else [])])
