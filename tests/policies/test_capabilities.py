"""What a policy may call."""

import subprocess

import orjson
import pytest

from rego.capabilities import allowed, cut_down, uninterruptible


@pytest.fixture(scope="module")
def current(opa_binary: str) -> bytes:
    return subprocess.run([opa_binary, "capabilities", "--current"], capture_output=True, check=True).stdout


def test_the_allowlist_holds_only_builtins_that_the_pinned_opa_has(current: bytes) -> None:
    offered = {builtin["name"] for builtin in orjson.loads(current)["builtins"]}
    assert allowed() - offered == set()


def test_what_cannot_be_interrupted_is_a_builtin_of_the_pinned_opa_and_not_allowed(current: bytes) -> None:
    offered = {builtin["name"] for builtin in orjson.loads(current)["builtins"]}
    assert uninterruptible() <= offered - allowed()
    assert {"graph.reachable_paths", "numbers.range_step", "bits.lsh"} <= uninterruptible()


def test_no_builtin_that_opa_calls_nondeterministic_is_allowed(current: bytes) -> None:
    listed = orjson.loads(current)["builtins"]
    assert {builtin["name"] for builtin in listed if builtin.get("nondeterministic")} & allowed() == set()


def test_no_deprecated_builtin_is_allowed(current: bytes) -> None:
    listed = orjson.loads(current)["builtins"]
    assert {builtin["name"] for builtin in listed if builtin.get("deprecated")} & allowed() == set()


@pytest.mark.parametrize(
    "name",
    [
        "http.send",
        "net.lookup_ip_addr",
        "net.cidr_expand",
        "time.now_ns",
        "rand.intn",
        "uuid.rfc4122",
        "opa.runtime",
        "io.jwt.decode_verify",
        "io.jwt.encode_sign",
        "graph.reachable_paths",
        "numbers.range",
        "numbers.range_step",
        "bits.lsh",
        "regex.globs_match",
        "regex.template_match",
        "print",
        "trace",
    ],
)
def test_what_reaches_outside_breaks_replay_or_cannot_be_interrupted_is_forbidden(
    current: bytes, name: str
) -> None:
    assert name in cut_down(current).forbidden


def test_a_builtin_that_a_later_opa_adds_is_forbidden_until_it_is_listed(current: bytes) -> None:
    document = orjson.loads(current)
    document["builtins"].append({"name": "agi.ask", "decl": {"type": "function"}})
    capabilities = cut_down(orjson.dumps(document))
    assert "agi.ask" in capabilities.forbidden
    assert b"agi.ask" not in capabilities.document


def test_the_cut_down_capabilities_open_no_host_and_no_experimental_keyword(current: bytes) -> None:
    document = orjson.loads(cut_down(current).document)
    assert document["allow_net"] == []
    assert document["future_keywords"] == []
