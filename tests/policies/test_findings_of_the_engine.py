"""What the engine tells of a submission names the author's own files."""

from collections.abc import Sequence

import pytest

from agents.decisions.submission import CheckedModule, Submission
from agents.submission import checker
from agents.tenant_settings import NO_TENANT_SETTINGS
from rego.submission import Checker
from tests.policies.modules import policy

HELPER = ("lib/roles.rego", "package lib.roles\n\nbad := http.send({})\n")
FINE = ("lib/roles.rego", "package lib.roles\n\nlonely := 1\n")
REFUSED = policy("x := opa.runtime()")


class NothingRecorded:
    """No decision was recorded yet."""

    async def recorded_inputs(self, tenant: str, policy_id: str, limit: int) -> Sequence[bytes]:
        return []


async def said(opa_binary: str, source: str, files: tuple[tuple[str, str], ...], entry: str) -> CheckedModule:
    check = checker(Checker(opa_binary), 200, NO_TENANT_SETTINGS, NothingRecorded())
    return await check("acme", "p-1", Submission(1, "opa_rego", source, files, None, entry))


@pytest.mark.parametrize(
    ("files", "entry", "named"),
    [
        ((), "", ["policy.rego"]),
        ((HELPER,), "", ["policy.rego", "lib/roles.rego"]),
        ((HELPER,), "policies/gate.rego", ["policies/gate.rego", "lib/roles.rego"]),
    ],
)
async def test_a_finding_names_the_file_that_was_submitted(
    opa_binary: str, files: tuple[tuple[str, str], ...], entry: str, named: list[str]
) -> None:
    found = (await said(opa_binary, REFUSED, files, entry)).findings
    assert [(each.file, each.rule) for each in found] == [(file, "forbidden_builtin") for file in named]


async def test_so_does_a_warning(opa_binary: str) -> None:
    warnings = (await said(opa_binary, policy(), (FINE,), "policies/gate.rego")).warnings
    assert {each.file for each in warnings} == {"policies/gate.rego", "lib/roles.rego"}


async def test_the_entry_modules_name_is_no_part_of_what_is_remembered(opa_binary: str) -> None:
    check = checker(Checker(opa_binary), 200, NO_TENANT_SETTINGS, NothingRecorded())
    names = []
    for entry in ("a.rego", "b.rego"):
        result = await check("acme", "p-1", Submission(1, "opa_rego", REFUSED, (), None, entry))
        names.append([each.file for each in result.findings])
    assert names == [["a.rego"], ["b.rego"]]
