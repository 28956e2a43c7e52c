"""Exports, heads and the log's files over HTTP, checked as an outsider would."""

import asyncio
import csv
import io
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from arro3.io import read_parquet
from fastapi import FastAPI

from audit_sink.api import exports
from audit_sink.api.app import create_app
from audit_sink.api.settings import ApiSettings
from audit_sink.ledger.proofs import BadProof, check_inclusion
from audit_sink.ledger.tree import RightEdge
from audit_sink.postgres import PostgresWall
from audit_sink.verify.__main__ import main
from audit_sink.verify.log import LogCheck
from audit_sink.verify.report import Report
from audit_sink.verify.sources import Folder
from projections.tokens import TokenSettings
from schemas.leaf import EventRecord, decode_entry, leaf_hash
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import event, events
from tests.audit_sink.signed_wall import LANE, ORIGIN, TRUST, Signed
from tests.audit_sink.test_api import KEY, Asker

pytestmark = pytest.mark.stack

ENTRIES = 700
TENANTS = ("acme", "other")
FORMULA = '=HYPERLINK("http://evil.example","x")'
LARGE = b"v" * 100_000


def odd(record: EventRecord) -> EventRecord:
    """Its actor would be a formula in a spreadsheet, its value is kept outside the entry."""
    headers = tuple((name, FORMULA.encode() if name == "ce_actorid" else v) for name, v in record.headers)
    return replace(record, headers=headers, value=LARGE)


@pytest.fixture(scope="module")
def signed(module_wall: WallDatabase) -> Signed:
    """Entries of two tenants that take turns, the last one odd, all of it signed."""
    signed = Signed(module_wall)

    async def grow() -> None:
        async with PostgresWall(module_wall.writer, 3) as wall:
            assert await wall.try_lead() is not None
            await wall.append(
                signed.log.of([*events(LANE, 1, ENTRIES - 1, TENANTS), odd(event(LANE, ENTRIES))])
            )
        await signed.sign()
        await signed.sign()  # the heads of what the first one signed

    asyncio.run(grow())
    return signed


@pytest.fixture
async def acme(signed: Signed) -> AsyncIterator[Asker]:
    settings = ApiSettings.model_validate({"AUMOS_GOVERNANCE_AUDIT_DB_URL": signed.database.reader})
    app: FastAPI = create_app(settings, TokenSettings.model_validate({"AUMOS_GOVERNANCE_TOKEN_KEY": KEY}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink") as client,
    ):
        yield Asker(client, "acme")


def rows_of(form: str, content: bytes) -> list[dict[str, object]]:
    """The rows of an exported file, proofs as lists."""
    if form == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    if form == "csv":
        csv.field_size_limit(1 << 20)
        rows: list[dict[str, object]] = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    else:
        table = read_parquet(io.BytesIO(content)).read_all()
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{**row, "proof": str(row["proof"]).split()} for row in rows]


def odd_one(rows: list[dict[str, object]]) -> dict[str, object]:
    (found,) = [row for row in rows if str(row["lane_seq"]) == str(ENTRIES)]
    return found


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
async def test_every_exported_row_is_proven_under_the_checkpoint(
    acme: Asker, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 100)
    answer = await acme.get("/export", format=form)
    assert answer.status_code == 200, answer.text
    checkpoint = TRUST.checkpoint((await acme.get("/checkpoint")).content)
    assert answer.headers["Audit-Checkpoint-Size"] == str(checkpoint.size)
    rows = rows_of(form, answer.content)
    assert {row["tenant_id"] for row in rows} == {"acme"}
    assert [int(str(row["tenant_index"])) for row in rows] == list(range(len(rows)))
    for row in rows:
        entry = b64decode(str(row["entry"]))
        proof = [bytes.fromhex(each) for each in row["proof"]]  # type: ignore[attr-defined]
        index = int(str(row["index"]))
        check_inclusion(leaf_hash(entry), index, checkpoint.size, proof, checkpoint.root)
        with pytest.raises(BadProof):
            check_inclusion(leaf_hash(entry[:-1]), index, checkpoint.size, proof, checkpoint.root)
        assert str(decode_entry(entry)[0].lane_seq) == str(row["lane_seq"])
    assert b64decode(str(odd_one(rows)["large_value"])) == LARGE


async def test_a_csv_has_no_cell_that_a_spreadsheet_would_run(acme: Asker) -> None:
    content = (await acme.get("/export", format="csv")).content
    rows = rows_of("csv", content)
    assert odd_one(rows)["actor_id"] == f"'{FORMULA}"
    cells = [str(cell) for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_an_export_is_filtered_and_kept_to_the_tenant(acme: Asker) -> None:
    rows = rows_of("jsonl", (await acme.get("/export", resource="policy/policy-3")).content)
    assert rows
    assert {row["resource_id"] for row in rows} == {"policy-3"}
    assert (await acme.get("/export", tenant="other")).status_code == 403
    everything = rows_of("jsonl", (await acme.get("/export", "audit:all")).content)
    assert [row["index"] for row in everything] == list(range(len(everything)))
    assert len(everything) > ENTRIES
    others = rows_of("jsonl", (await acme.get("/export", "audit:all", tenant="other")).content)
    assert {row["tenant_id"] for row in others} == {"other"}


@pytest.mark.parametrize("query", [{"format": "xls"}, {"limit": 5}, {"from": "yesterday"}])
async def test_a_bad_export_parameter_is_named(acme: Asker, query: dict[str, str | int]) -> None:
    answer = await acme.get("/export", **query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.text


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
async def test_an_exported_file_is_verified_with_the_public_key_alone(
    acme: Asker, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, trust = tmp_path / f"entries.{form}", tmp_path / "trust.json"
    file.write_bytes((await acme.get("/export", format=form)).content)
    file.with_name(f"{file.name}.checkpoint").write_bytes((await acme.get("/checkpoint")).content)
    trust.write_text(json.dumps({"origin": ORIGIN, "keys": [key.vkey for key in TRUST.keys]}))
    command = ["verify", str(file), "--trust", str(trust)]
    assert await asyncio.to_thread(main, command) == 0
    assert f"{len(rows_of(form, file.read_bytes()))} entries are in {ORIGIN}" in capsys.readouterr().out
    if form == "parquet":
        return  # compressed: a flipped byte is no Parquet any more
    file.write_text(file.read_text().replace("svc-policies", "svc-policiez", 1))
    assert await asyncio.to_thread(main, command) == 1
    assert "entry 1 says something else than its bytes: actor_id" in capsys.readouterr().err


async def test_a_tenant_checks_that_it_has_all_of_its_entries(acme: Asker) -> None:
    answer = await acme.get("/tenants/acme/head")
    assert answer.status_code == 200, answer.text
    head = answer.json()
    checkpoint = TRUST.checkpoint(head["checkpoint"].encode())
    proof = head["proof"]
    leaf = leaf_hash(b64decode(head["entry"]))
    hashes = [bytes.fromhex(each) for each in proof["hashes"]]
    check_inclusion(leaf, proof["index"], proof["size"], hashes, checkpoint.root)
    said = json.loads(decode_entry(b64decode(head["entry"]))[0].value or b"")
    assert (said["tenant"], said["size"], said["root"]) == ("acme", head["size"], head["root"])
    rows = rows_of("jsonl", (await acme.get("/export")).content)[: head["size"]]
    leaves = [leaf_hash(b64decode(str(row["entry"]))) for row in rows]
    assert len(leaves) == head["size"]
    assert RightEdge().extend(leaves).root().hex() == head["root"]
    assert RightEdge().extend(leaves[1:]).root().hex() != head["root"]
    assert (await acme.get("/tenants/other/head")).status_code == 403
    assert (await acme.get("/tenants/none/head", "audit:all")).status_code == 404


async def test_checkpoints_are_listed_page_by_page(acme: Asker) -> None:
    first = (await acme.get("/checkpoints", limit=1)).json()
    newest = (await acme.get("/checkpoint")).text
    assert [each["note"] for each in first["items"]] == [newest]
    sizes = []
    path = "/checkpoints?limit=1"
    while path:
        page = (await acme.get(path)).json()
        sizes += [each["size"] for each in page["items"]]
        path = page["next"]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) > 1
    anchored = (await acme.get("/checkpoints", anchored="true")).json()["items"]
    assert {each["anchored"] for each in anchored} == {True}
    assert len(anchored) < len(sizes)


async def test_the_files_of_the_log_verify_as_a_folder_would(
    acme: Asker, signed: Signed, tmp_path: Path
) -> None:
    for name in signed.shelf.objects:
        path = name.partition("/")[2]
        if path.startswith("checkpoint/"):
            continue
        answer = await acme.get(f"/tlog/{path}", "audit:all")
        assert answer.content == signed.shelf.objects[name], path
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(answer.content)
    report = Report(ORIGIN)
    await LogCheck(Folder(tmp_path), TRUST, report, lambda done, total: None).run([], datetime.now(UTC))
    assert report.holds, report.document()
    assert report.checks["values"].compared == 1


@pytest.mark.parametrize(
    "path", ["nothing", "tile/0/999", "tile/0/000.p/300", "tile/9/000", "tile/entries/002.p/255", "blob/00"]
)
async def test_what_is_no_file_of_the_log_is_not_found(acme: Asker, path: str) -> None:
    assert (await acme.get(f"/tlog/{path}", "audit:all")).status_code == 404


async def test_a_tenant_does_not_read_the_files_of_all(acme: Asker) -> None:
    assert (await acme.get("/tlog/tile/entries/000")).status_code == 403
