"""A policy of several modules with data, from its files to decisions: those of plain OPA on them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from client.cli.main import app
from client.cli.output import Exit
from tests.client.test_policy_files import Writer, bundled, folder, zipped
from tests.command_line import Governance
from tests.policies.sets import FILES, GATE, INPUTS

_BUNDLE_NAMES = {"acme/gate/people.json": "acme/gate/data.json", "limits.yaml": "data.yaml"}
"""Only files of these names are data in a bundle; in a folder they are, too."""

TEST = """\
package acme.gate_test

import data.acme.gate

test_admin if gate.allow with input as {"user": "ann", "n": 1}

test_stranger if not gate.allow with input as {"user": "eve", "n": 1}
"""

SET: Mapping[str, str] = {
    "acme/gate/gate.rego": GATE,
    **{_BUNDLE_NAMES.get(path, path): text for path, text in FILES},
    "acme/gate/gate_test.rego": TEST,
}


def plain_opa(binary: str, files: str, document: object) -> tuple[bool, list[str]]:
    """What OPA itself makes of the files as they are."""
    arguments = ("eval", "--format", "json", "--data", files, "--stdin-input", "data.acme.gate")
    done = subprocess.run(
        [binary, *arguments],
        input=json.dumps(document).encode(),
        capture_output=True,
        check=True,
        env={"PATH": os.defpath},
    )
    value = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    return value["allow"], sorted(value["violations"])


def decided(governance: Governance, policy: str, document: object) -> tuple[bool, list[str], Any]:
    """What the running system decides, and the version that did."""
    arguments = ("evaluate", policy, "--input", "-", "--json")
    done = CliRunner().invoke(app, arguments, input=json.dumps(document), env=governance.environment)
    assert done.exit_code in {Exit.OK, Exit.FAILED}, done.output
    verdict = json.loads(done.stdout)
    assert verdict["basis"] == "policy"
    return verdict["outcome"] == "allow", sorted(verdict["reasons"]), verdict["version"]


@pytest.mark.parametrize("write", [folder, zipped, bundled])
def test_a_policy_of_several_files_decides_as_its_files_do_in_plain_opa(
    governance: Governance, opa_binary: str, tmp_path: Path, write: Writer
) -> None:
    created = json.loads(governance("policy", "create", write(tmp_path, SET), "--name", "set", "--json"))
    assert created["event"] == "governance.policy.created"
    governance("policy", "activate", "set", "--version", "1")
    files = folder(tmp_path, SET)
    expected = [plain_opa(opa_binary, files, document) for document in INPUTS]
    assert len(set(map(str, expected))) > 3, "the inputs tell the modules and data apart"
    assert [decided(governance, "set", document) for document in INPUTS] == [(*each, 1) for each in expected]
    shown = json.loads(governance("policy", "show", "set", "--json"))
    assert shown["versions"][0]["checked"]["tests"] == 2
    assert len(shown["versions"][0]["files"]) == len(SET) - 1


def test_a_change_of_a_data_file_decides_once_it_is_activated_and_a_finding_names_its_file(
    governance: Governance, opa_binary: str, tmp_path: Path
) -> None:
    governance("policy", "create", folder(tmp_path, SET), "--name", "set")
    governance("policy", "activate", "set", "--version", "1")
    files = folder(tmp_path, {**SET, "data.yaml": "limits: {max: 100, soft: 90}\n"})
    governance("policy", "update", "set", files)
    governance("policy", "activate", "set", "--version", "2")
    document = {"user": "ann", "n": 11}
    assert decided(governance, "set", document) == (*plain_opa(opa_binary, files, document), 2)
    assert decided(governance, "set", document)[0]
    governance("policy", "rollback", "set")
    assert decided(governance, "set", document)[0::2] == (False, 1)
    broken = folder(tmp_path, {**SET, "acme/gate/gate.rego": f"{GATE}\nx := opa.runtime()\n"})
    arguments = ("policy", "update", "set", broken)
    refused = CliRunner().invoke(app, arguments, env=governance.environment)
    assert refused.exit_code != Exit.OK
    row = GATE.count("\n") + 2
    assert f"acme/gate/gate.rego:{row}:6 forbidden_builtin" in refused.stderr
