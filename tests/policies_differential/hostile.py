"""Modules written by a tenant who wants another tenant's data or results; as strategies of their parts."""

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from agents.bundles.ports import VersionKey

CANARY: Final = "canary-{}-7f3a"
"""The victim's secret, in as many variants as there are stages."""

VICTIM: Final[VersionKey] = ("victim", "p-0", 1)

VICTIM_SOURCE: Final = """\
package shop.gate

secret := "SECRET"

limits := {"ann": 2}

default allow := false

allow if { input.n > 5; limits[input.user] > 1; secret == "SECRET" }

names contains "a"

helper(x) := count(names) + x

violations contains sprintf("%v", [helper(input.n)]) if not allow
"""

VICTIM_INPUTS: Final[tuple[object, ...]] = ({"n": 9, "user": "ann"}, {"n": 1, "user": "ann"}, {"n": 9}, {})

OWN_TARGETS: Final = ("data.acme.gate.own", 'data["acme"].gate["own"]', "input.data.tenants", "own", "{own}")
"""Values that a policy may read."""

TARGETS: Final = (
    'data.tenants.victim["p-0"].v1.secret',
    'data["tenants"]["victim"]["p-0"]["v1"]["secret"]',
    "data[`tenants`].victim[`p-0`].v1.secret",
    'data["\\u0074enants"].victim["p-0"].v1.secret',
    "data.tenants[_][_][_].secret",
    "data.tenants[input.t][input.p][input.v].secret",
    "data.tenants",
    "data",
    "data[input.root]",
    "data[_][_]",
    "data[own]",
    "data.shop.gate.secret",
    "data.shop",
    "data.gov.batch",
    "data.system",
    "data.acme[input.root]",
    "data.acme",
    'data[ # acme\n"tenants"].victim',
    "data.acme.gate_.own",
    "{data.acme.gate.own, data.acme.gate.own}",
)

USES: Final = (
    "stolen := TARGET",
    "stolen := json.marshal(TARGET)",
    "stolen := [x | x := TARGET[_]]",
    "stolen := {x | walk(TARGET, [_, x])}",
    "stolen := x if { some x in TARGET }",
    "stolen if every x in TARGET { x }",
    "stolen contains TARGET",
    "stolen[TARGET] := 1",
    "stolen[own][TARGET] contains 1",
    "stolen := {TARGET: TARGET}",
    "stolen := 1 if { own == 2 } else := TARGET",
    'stolen := object.get(TARGET, "secret", 0)',
    'stolen := $"{TARGET}"',
    "stolen := $`raw\n{TARGET}`",
    "f(x) := x\n\nstolen := f(TARGET)",
    "f(x) := x if x != TARGET\n\nstolen := f(1)",
    "stolen := x if { x := input with input as TARGET }",
    "stolen := x if { x := own with TARGET as 1 }",
    "stolen if { allow with TARGET as true }",
    "stolen if { count([1]) == 1 with count as TARGET }",
    "stolen := d.tenants.victim if { d := TARGET }",
    'stolen := x if { x := TARGET["tenants"] }',
    "stolen := x if { some data in [TARGET]; x := data.tenants }",
    "stolen := input.data if { TARGET }",
    "f(data) := data.tenants\n\nstolen := f(TARGET)",
    "stolen := rego.metadata.chain() if TARGET",
    "default stolen := 1\n\nstolen := TARGET if not TARGET == 3",
)

SPOILERS: Final = (
    'data.tenants.victim["p-0"].v1.allow := true',
    "data.tenants contains 1",
    'tenants.victim["p-0"].v1.allow := true',
    "input := {}",
    "input.n := 9",
    "gov.batch[id] := {} if some id, _ in input.items",
    "batch[id] := {} if some id, _ in input.items",
    "allow := false",
    "violations := [1 / input.zero]",
    'decision := {"allow": json.unmarshal(sprintf("1e%d", [400]))}',
    'decision := {"allow": json.unmarshal(sprintf("%s%s", [input.open, input.close]))}',
    'decision := {"allow": true} if input.n\n\ndecision := {"allow": false} if input.n > 5',
    'limits := {"ann": 0}',
    "helper(x) := 1",
    'names contains "b"',
)

PACKAGES: Final = (
    "tenants.victim[`p-0`].v1",
    'tenants["victim"]["p-0"].v1',
    "tenants",
    "gov",
    "system.authz",
    "lib.x",
    "data.tenants.victim",
    "acme.gate # \npackage tenants.victim",
    "acme.gate\npackage shop.gate",
    "# acme.gate\ntenants # acme\n.victim",
    "\uff54enants.victim",
    "tenants\u200b.victim",
    "acme.gate; import data.tenants",
    "acme.gate\nimport data.tenants.victim",
    'acme.gate\nimport data["tenants"] as own_',
    "acme.gate\nimport data as d",
    "acme.gate\nimport data.acme as d",
    "acme.gate\nimport input.data as data",
    "acme.gate\nimport data.shop.gate",
)

OWN_PACKAGES: Final = ("acme.gate", 'acme["gate"]', "acme[`gate`]", "acme # ] package b\n.gate")

TENANTS: Final = ("acme", "Victim", "victim ", 'victim"]["p-0', "victim/p-0", "victim\u200b", "tenants", "..")

_UNUSED_OWN: Final = 'own := "own"'


@dataclass(frozen=True, slots=True)
class Attack:
    """A module and the name under which it is submitted."""

    key: VersionKey
    source: str


def _attack(tenant: str, package: str, allow: str, lines: list[str]) -> Attack:
    source = "\n\n".join((f"package {package}", _UNUSED_OWN, allow, *dict.fromkeys(lines), ""))
    return Attack((tenant, "p-0", 1), source)


_targets = st.one_of(st.sampled_from(OWN_TARGETS), st.sampled_from(TARGETS))
_uses = st.builds(lambda use, target: use.replace("TARGET", target), st.sampled_from(USES), _targets)
_lines = st.one_of(_uses, _uses, st.sampled_from(SPOILERS))
_allows = st.sampled_from(
    ("default allow := true", "allow := stolen == stolen", "allow := is_string(input.n)")
)

attacks: Final = st.builds(
    _attack,
    st.sampled_from(TENANTS),
    st.one_of(st.sampled_from(OWN_PACKAGES), st.sampled_from(OWN_PACKAGES), st.sampled_from(PACKAGES)),
    _allows,
    st.lists(_lines, min_size=1, max_size=2),
)
"""Any of the parts together; about half are refused at once."""
