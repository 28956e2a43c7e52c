"""Policies of several modules with data: how they are moved together, and what keeps them out."""

import json
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from agents.bundles.archive import Contents, build
from agents.bundles.ports import LoadableVersion
from rego.findings import Accepted, Finding, Refused
from rego.loaded import data_document, loaded_package
from rego.opa import folder_of
from rego.source import MAX_FILES, MAX_POLICY_BYTES, PolicySource
from rego.submission import Checker
from tests.policies.modules import ALLOW
from tests.policies.opa_process import free_port, start
from tests.policies.sets import GATE, GATE_SET, INPUTS, with_files

TENANT = 'ten"ant é'
PLACE = loaded_package(TENANT, "p-1", 7)
DECISION = 'data.tenants["ten\\"ant é"]["p-1"].v7.decision'


async def accepted(checker: Checker, source: PolicySource) -> Accepted:
    result = await checker.check(TENANT, "p-1", 7, source)
    assert isinstance(result, Accepted), result
    return result


async def refused(checker: Checker, source: PolicySource) -> tuple[Finding, ...]:
    result = await checker.check(TENANT, "p-1", 7, source)
    assert isinstance(result, Refused), result
    assert all(each.file and each.rule and each.message and each.hint for each in result.findings)
    return result.findings


def evaluated(opa_binary: str, files: Mapping[str, bytes], query: str, document: object) -> object:
    """What `opa eval` says with a folder of files."""
    with folder_of({f"all/{path}": data for path, data in files.items()}) as folder:
        Path(folder, "input.json").write_text(json.dumps(document))
        arguments = ["eval", "--format", "json", "--data", "all", "--input", "input.json", query]
        done = subprocess.run([opa_binary, *arguments], cwd=folder, capture_output=True, check=True)
    results = json.loads(done.stdout).get("result", [])
    return results[0]["expressions"][0]["value"] if results else None


async def test_a_set_decides_as_opa_eval_on_the_files_as_they_were_written(
    checker: Checker, opa_binary: str
) -> None:
    loaded = (await accepted(checker, GATE_SET)).loaded
    own = {path: text.encode() for path, text in GATE_SET.everything}
    moved = {f"{number}.rego": text.encode() for number, (_, text) in enumerate(loaded.modules)}
    moved |= {"entry.rego": loaded.module.encode(), "data.json": data_document({PLACE: loaded.data})}
    both = [
        (
            evaluated(opa_binary, own, "data.acme.gate", document),
            evaluated(opa_binary, moved, DECISION, document),
        )
        for document in INPUTS
    ]
    for whole, decision in both:
        assert isinstance(whole, dict)
        assert decision == {"allow": whole["allow"], "violations": whole["violations"]}
    assert [decision["allow"] for _, decision in both if isinstance(decision, dict)] == [True, *[False] * 5]
    assert len({json.dumps(decision) for _, decision in both}) == 4


async def test_every_module_and_all_data_lie_below_the_versions_place(checker: Checker) -> None:
    loaded = (await accepted(checker, GATE_SET)).loaded
    texts = [loaded.module, *(text for _, text in loaded.modules)]
    assert [
        text.split("\n", 1)[0].removeprefix('package tenants["ten\\"ant é"]["p-1"].v7') for text in texts
    ] == [
        "",
        ".data.lib.roles",
        '["helpers"]',
        ".data.rules.a",
        ".data.rules.b",
    ]
    assert json.loads(loaded.data) == {
        "admins": ["ann"],
        "users": ["ann", "bob", "é <&>"],
        "data": {"limits": {"max": 10, "soft": 5.5}},
    }


async def test_the_digest_covers_modules_and_data(checker: Checker) -> None:
    digests = {(await accepted(checker, GATE_SET)).loaded.digest}
    for path, text in GATE_SET.files:
        changed = (
            text.replace("10", "11").replace("bad", "worse").replace("bob", "rob").replace("is_a", "is_an_a")
        )
        if changed == text:
            changed = f"# changed\n{text}"
        files = tuple((each, changed if each == path else old) for each, old in GATE_SET.files)
        entry = GATE.replace("is_a", "is_an_a") if "roles" in path else GATE
        digests.add((await accepted(checker, PolicySource(entry, files))).loaded.digest)
    assert len(digests) == 1 + len(GATE_SET.files)
    single = (await accepted(checker, PolicySource(ALLOW))).loaded
    assert single.digest == sha256(single.module.encode()).hexdigest()


@pytest.mark.parametrize(
    ("file", "rule", "place"),
    [
        (("x.rego", "package tenants.x\n"), "reserved_package", ("x.rego", 1, 9)),
        (("x.rego", "package system\n"), "reserved_package", ("x.rego", 1, 9)),
        (("x.rego", "package acme.gate.data.x\n"), "reserved_package", ("x.rego", 1, 9)),
        (("x.rego", "package x\n\ny := data.other.z\n"), "foreign_data", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := data.acme\n"), "foreign_data", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := data.acme[input.z].allow\n"), "dynamic_data", ("x.rego", 3, 6)),
        (("x.rego", "package x.y\n\ny := data.x[input.z].allow\n"), "dynamic_data", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := data.acme.gate.data.limits\n"), "foreign_data", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := data[input.z]\n"), "dynamic_data", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\nimport data.other\n"), "forbidden_import", ("x.rego", 3, 8)),
        (("x.rego", "package x\n\nimport data.lib.other\n"), "library_unavailable", ("x.rego", 3, 8)),
        (("x.rego", "package x\n\nimport data.acme\n"), "forbidden_import", ("x.rego", 3, 8)),
        (
            ("x.rego", "package x\n\ny if { z with data.limits as 1 }\n\nz := 1\n"),
            "with_data",
            ("x.rego", 3, 15),
        ),
        (("x.rego", "package x\n\ny := http.send({})\n"), "forbidden_builtin", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := z\n"), "rego_unsafe_var_error", ("x.rego", 3, 6)),
        (("x.rego", "package x\n\ny := \n"), "rego_parse_error", ("x.rego", 4, 0)),
        (("x.rego", "package acme.gate\n\nallow contains 1\n"), "wrong_shape", ("x.rego", 3, 1)),
        (("x.rego", "package acme\n\nx := data.acme.gate.allow\n\ny := x\n"), "", ("", 0, 0)),
        (("x.json", '{"acme": {"gate": {"allow": 1}}}'), "data_collision", ("policy.rego", 6, 9)),
        (("x.json", '{"lib": {"roles": 3}}'), "data_collision", ("lib/roles.rego", 1, 9)),
        (("x.json", '{"acme": 3}'), "data_collision", ("x.json", 0, 0)),
        (("x.json", '{"acme": {"gate": {"data": 1}}}'), "reserved_data", ("policy.rego", 0, 0)),
        (("x.json", '{"limits": {"max": 1}}'), "data_collision", ("x.json", 0, 0)),
        (("limits/max/x.json", '{"y": 1}'), "data_collision", ("limits.yaml", 0, 0)),
        (("x.json", '{"tenants": {}}'), "reserved_data", ("x.json", 0, 0)),
        (("x.json", "[1]"), "bad_data", ("x.json", 0, 0)),
        (("x.yaml", "a: [\n"), "bad_data", ("x.yaml", 0, 0)),
        (("x.json", '{"n": 1e400}'), "bad_data", ("x.json", 0, 0)),
        (("x.json", '{"n": 123456789012345678901}'), "bad_data", ("x.json", 0, 0)),
        (("../x.rego", "package x\n"), "bad_path", ("../x.rego", 0, 0)),
        (("/x.rego", "package x\n"), "bad_path", ("/x.rego", 0, 0)),
        (("a\\x.rego", "package x\n"), "bad_path", ("a\\x.rego", 0, 0)),
        (("policy.rego", "package x\n"), "bad_path", ("policy.rego", 0, 0)),
        (("limits.yaml", "x: 1\n"), "bad_path", ("limits.yaml", 0, 0)),
        (("helpers.rego/x.rego", "package x\n"), "bad_path", ("helpers.rego", 0, 0)),
        (("x.txt", "text"), "unknown_file", ("x.txt", 0, 0)),
        (("x.json", '{"x": "\x00"}'), "bad_text", ("x.json", 0, 0)),
    ],
)
async def test_what_keeps_a_set_out_is_named_with_its_file_and_place(
    checker: Checker, file: tuple[str, str], rule: str, place: tuple[str, int, int]
) -> None:
    result = await checker.check(TENANT, "p-1", 7, with_files(file))
    if not rule:
        assert isinstance(result, Accepted)
        return
    findings = await refused(checker, with_files(file))
    assert (rule, *place) in {(each.rule, each.file, each.row, each.column) for each in findings}


async def test_a_set_has_bounds(checker: Checker) -> None:
    many = [(f"m{number}.rego", "package m\n") for number in range(MAX_FILES + 1)]
    assert [each.rule for each in await refused(checker, PolicySource(ALLOW, tuple(many)))] == ["too_large"]
    large = [(f"{number}.json", '{"a": "%s"}' % ("x" * 200_000)) for number in range(2)]
    findings = await refused(checker, PolicySource(ALLOW, tuple(large)))
    assert [each.rule for each in findings] == ["too_large"]
    assert sum(len(text) for _, text in large) > MAX_POLICY_BYTES


async def test_a_set_that_grows_beyond_its_event_when_it_is_moved_is_refused(checker: Checker) -> None:
    references = ", ".join(["data.a.allow"] * 4_000)
    result = await checker.check("t" * 200, "p-1", 1, f"package a\n\nallow := true\n\nx := [{references}]\n")
    assert isinstance(result, Refused)
    assert [each.rule for each in result.findings] == ["too_large"]


async def test_allow_and_decision_may_stand_in_any_module_of_the_entry_package(checker: Checker) -> None:
    source = PolicySource("package a\n\nx := 1\n", (("more.rego", "package a\n\ndefault allow := false\n"),))
    assert '"allow": allow' in (await accepted(checker, source)).loaded.module
    decision = (("more.rego", 'package a\n\ndecision := {"allow": x == 1}\n'),)
    assert (
        "decision"
        not in (await accepted(checker, PolicySource("package a\n\nx := 1\n", decision))).loaded.module
    )


async def test_obligations_are_part_of_the_decision_document(checker: Checker, opa_binary: str) -> None:
    source = 'package a\n\ndefault allow := true\n\nobligations := [{"log": input.x}] if input.x > 1\n'
    loaded = (await accepted(checker, PolicySource(source))).loaded
    files = {"m.rego": loaded.module.encode()}
    assert evaluated(opa_binary, files, DECISION, {"x": 2}) == {
        "allow": True,
        "violations": [],
        "obligations": [{"log": 2}],
    }
    assert evaluated(opa_binary, files, DECISION, {"x": 1}) == {
        "allow": True,
        "violations": [],
        "obligations": [],
    }


KEY = "k" * 32


async def test_a_signed_bundle_with_a_sets_data_is_what_opa_verifies(
    checker: Checker, opa_binary: str, tmp_path: Path
) -> None:
    loaded = (await accepted(checker, GATE_SET)).loaded
    key = (TENANT, "p-1", 7)
    contents = Contents.of([LoadableVersion(*key, "active", loaded.digest, None, 0)])
    (tmp_path / "b.tar.gz").write_bytes(build(contents, {key: loaded}, 3, KEY.encode()))
    port = free_port()
    verification = (
        "--verification-key",
        KEY,
        "--verification-key-id",
        "bundles",
        "--signing-alg",
        "HS256",
    )
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{port}", "--bundle", *verification)
    opa = start(opa_binary, (*arguments, str(tmp_path / "b.tar.gz")), tmp_path / "log", port)
    try:
        query = f"result := {DECISION} with input as {json.dumps(INPUTS[0])}"
        async with httpx.AsyncClient() as client:
            answer = (await client.post(f"{opa.url}/v1/query", json={"query": query})).json()
    finally:
        opa.stopped()
    assert answer["result"] == [{"result": {"allow": True, "violations": []}}]


SCHEMA = {
    "$schema": "https://json-schema.org/draft-07/schema",
    "$id": "https://example.com/input",
    "type": "object",
    "properties": {"user": {"type": "string"}, "n": {"$ref": "#/definitions/n"}, "bad": {"type": "boolean"}},
    "definitions": {"n": {"type": "number"}},
    "additionalProperties": False,
}


async def test_an_input_schema_finds_fields_that_no_input_has(checker: Checker) -> None:
    schema = ("input.schema.json", json.dumps(SCHEMA))
    await accepted(checker, with_files(schema))
    (finding,) = await refused(
        checker, with_files(schema, entry=GATE.replace("h.small(input.n)", "h.small(input.m)"))
    )
    assert (finding.file, finding.row, finding.column) == ("policy.rego", 10, 10)
    assert (finding.rule, finding.message) == ("rego_type_error", "undefined ref: input.m")


@pytest.mark.parametrize(
    "reference", ["file:///etc/hostname", "http://127.0.0.1:9/x", "other.json", "/etc/hostname"]
)
async def test_an_input_schema_leads_nowhere_else(checker: Checker, reference: str) -> None:
    nested = {"properties": {"x": [{"$ref": reference}]}}
    (finding,) = await refused(checker, with_files(("input.schema.json", json.dumps(nested))))
    assert (finding.file, finding.rule) == ("input.schema.json", "bad_schema")


@pytest.mark.parametrize("schema", ["{", '{"type": "nonsense"}', "[]"])
async def test_an_input_schema_that_is_none_is_refused(checker: Checker, schema: str) -> None:
    findings = await refused(checker, with_files(("input.schema.json", schema)))
    assert {each.rule for each in findings} <= {"bad_schema", "rego_type_error"}


V0 = """\
package acme.v0

allow { input.n > 1; not bad[input.user] }

bad[name] { name := data.acme.v0.names[_] }

violations[msg] { bad[name]; name == input.user; msg := sprintf("%v", [name]) }
"""


async def test_version_0_of_the_language_is_named_with_what_to_do(checker: Checker) -> None:
    findings = await refused(checker, PolicySource(V0, (("names.json", '{"acme": {"v0": {"names": []}}}'),)))
    assert [(each.rule, each.row, each.column) for each in findings] == [("v0_syntax", 3, 1)]
    assert "opa fmt --v0-v1" in findings[0].hint
    assert "rego_v0" in findings[0].hint


async def test_version_0_of_the_language_is_converted_where_the_author_asks_for_it(
    checker: Checker, opa_binary: str
) -> None:
    names = ("names.json", '{"acme": {"v0": {"names": ["bob"]}}}')
    loaded = (await accepted(checker, PolicySource(V0, (names,), "v0"))).loaded
    files = {"m.rego": loaded.module.encode(), "data.json": data_document({PLACE: loaded.data})}
    assert evaluated(opa_binary, files, DECISION, {"n": 2, "user": "ann"}) == {
        "allow": True,
        "violations": [],
    }
    assert evaluated(opa_binary, files, DECISION, {"n": 2, "user": "bob"}) is None


async def test_findings_in_version_0_point_at_what_the_author_wrote(checker: Checker) -> None:
    source = V0.replace("name == input.user", "name == data.other.user")
    (finding,) = await refused(checker, PolicySource(source, language="v0"))
    assert (finding.rule, finding.row) == ("foreign_data", 7)
    source = V0.replace("data.acme.v0.names[_]", "data.acme.v0.allow; nothing == 1")
    findings = await refused(checker, PolicySource(source, language="v0"))
    assert {(each.rule, each.row, each.column) for each in findings} == {("rego_unsafe_var_error", 5, 41)}


@pytest.mark.parametrize(
    "imported", ["import rego.v1", "import future.keywords", "import future.keywords.if"]
)
async def test_imports_of_other_versions_of_the_language_pass(checker: Checker, imported: str) -> None:
    source = PolicySource(f"package a\n\n{imported}\n\ndefault allow := false\n\nallow if input.x\n")
    assert [each.rule for each in (await accepted(checker, source)).warnings] == ["redundant_import"]
