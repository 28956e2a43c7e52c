"""Up, down and everything between, on small processes in place of the product's own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from devstack import (
    ComponentFailed,
    Options,
    Silent,
    Stack,
    StackAbsent,
    State,
    StepFailed,
    UnknownComponent,
    down,
    processes,
    product,
    running,
    status,
    up,
)
from devstack.component import Component
from devstack.layout import Layout
from devstack.product import Process, Step

BROKEN = Process("sink", ("-c", "raise SystemExit('the schema is older than this program')"), "metrics")
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def pids(stack: Stack) -> dict[str, int | None]:
    return {each.name: each.pid for each in stack.status() if each.state is State.RUNNING}


def test_a_second_up_finds_the_first(small_stack: Path) -> None:
    first = up(Options(state_dir=small_stack, workers=2))
    assert set(pids(first)) == {"worker-0", "worker-1", "sink"}
    second = up(Options(state_dir=small_stack))
    assert pids(second) == pids(first)


def test_two_ups_at_once_start_everything_once(small_stack: Path) -> None:
    found: list[dict[str, int | None]] = []

    def start() -> None:
        found.append(pids(up(Options(state_dir=small_stack))))

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_two_stacks_run_beside_each_other(small_stack: Path) -> None:
    other = small_stack.with_name("other")
    first, second = up(Options(state_dir=small_stack)), up(Options(state_dir=other))
    try:
        assert not set(first.plan.ports.values()) & set(second.plan.ports.values())
        down(other)
        assert set(pids(first)) == {"worker-0", "sink"}
    finally:
        down(other)


def test_a_component_that_cannot_start_is_named_with_its_last_words(
    small_stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product, "PROCESSES", (BROKEN,))
    with pytest.raises(ComponentFailed, match=r"sink: ended while starting(?s:.*)older than this program"):
        up(Options(state_dir=small_stack))
    (report,) = status(small_stack)
    assert (report.name, report.state) == ("sink", State.CRASHED)
    assert report.tail == "the schema is older than this program"


def test_a_crashed_component_is_reported_and_the_next_up_starts_only_that(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    before = pids(stack)
    assert stack.kill("sink")
    crashed = [each.name for each in stack.status() if each.state is State.CRASHED]
    assert crashed == ["sink"]
    after = pids(up(Options(state_dir=small_stack)))
    assert after["worker-0"] == before["worker-0"]
    assert after["sink"] != before["sink"]


def test_another_program_on_the_port_is_not_taken_for_the_component(small_stack: Path) -> None:
    layout = Layout(small_stack)
    layout.prepare()

    async def content() -> None:
        """The other program answers well."""

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        component = Component(
            "x",
            "process",
            "",
            port,
            layout.log("x"),
            small_stack,
            lambda _: SLEEP,
            content,
            ready_seconds=0.5,
        )
        with pytest.raises(ComponentFailed, match=f"not ready after 0 s .not listening on port {port}"):
            running.start(layout, component, "test-stack", Silent(), lambda: False)
        running.stop(layout, component)


def test_a_failed_step_is_named_with_its_last_words_and_nothing_starts_after_it(
    small_stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Step("audit-migrations", ("-c", "raise SystemExit('role exists with other rights')"))
    monkeypatch.setattr(product, "STEPS", (*product.STEPS, failing))
    with pytest.raises(StepFailed, match=r"audit-migrations: exit code 1(?s:.*)role exists"):
        up(Options(state_dir=small_stack))
    assert {each.state for each in status(small_stack)} == {State.STOPPED}


def test_steps_run_only_when_a_process_is_to_be_started(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    log = stack.layout.log("migrations")
    assert log.read_text() == "migrated\n"
    up(Options(state_dir=small_stack))
    assert log.read_text() == "migrated\n"
    stack.kill("sink")
    up(Options(state_dir=small_stack))
    assert log.read_text() == "migrated\nmigrated\n"


def test_changed_settings_start_the_processes_anew(small_stack: Path) -> None:
    before = pids(up(Options(state_dir=small_stack)))
    settings = {"AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS": "150"}
    stack = up(Options(state_dir=small_stack, settings=settings))
    after = pids(stack)
    assert not set(before.values()) & set(after.values())
    environment = psutil.Process(after["worker-0"]).environ()
    assert environment["AUMOS_GOVERNANCE_POLICY_EVAL_TIMEOUT_MS"] == "150"


def test_a_worker_that_is_no_longer_wanted_is_stopped(small_stack: Path) -> None:
    before = pids(up(Options(state_dir=small_stack, workers=2)))
    after = pids(up(Options(state_dir=small_stack, workers=1)))
    assert set(after) == {"worker-0", "sink"}
    assert after["worker-0"] == before["worker-0"]
    assert not psutil.pid_exists(before["worker-1"])


def test_a_running_worker_has_no_audit_credentials(
    small_stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUMOS_GOVERNANCE_AUDIT_DB_URL", "postgresql://from/outside")
    running_pids = pids(up(Options(state_dir=small_stack)))
    assert "AUMOS_GOVERNANCE_AUDIT_DB_URL" not in psutil.Process(running_pids["worker-0"]).environ()
    held = psutil.Process(running_pids["sink"]).environ()["AUMOS_GOVERNANCE_AUDIT_DB_URL"]
    assert held.startswith("postgresql://gov_audit_writer:")


def test_a_paused_component_stands_still_and_goes_on(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    worker = psutil.Process(pids(stack)["worker-0"])
    assert stack.pause("worker")
    assert worker.status() == psutil.STATUS_STOPPED
    assert stack.resume("worker")
    assert worker.status() != psutil.STATUS_STOPPED


def test_up_lets_a_paused_component_go_on(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    before = pids(stack)
    stack.pause("worker")
    assert pids(up(Options(state_dir=small_stack))) == before
    assert psutil.Process(before["worker-0"]).status() != psutil.STATUS_STOPPED


def test_one_component_is_stopped_started_and_restarted_by_name(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    first = pids(stack)["sink"]
    assert stack.stop("sink")
    assert not stack.stop("sink")
    assert {each.name: each.state for each in stack.status()}["sink"] is State.STOPPED
    stack.start("sink")
    second = pids(stack)["sink"]
    stack.restart("sink")
    assert len({first, second, pids(stack)["sink"]}) == 3


def test_a_signal_reaches_the_component(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    worker = running.recorded(stack.layout, "worker-0")
    assert worker is not None
    assert stack.kill("worker", signal.SIGTERM)
    assert processes.wait_gone([worker], 20) == ()
    assert not stack.kill("worker", signal.SIGTERM)


def test_an_ambiguous_or_unknown_name_is_refused_with_the_names_there_are(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack, workers=2))
    with pytest.raises(UnknownComponent, match="worker-0, worker-1, sink"):
        stack.kill("worker")
    with pytest.raises(UnknownComponent, match="no component 'broker'"):
        stack.start("broker")


def test_down_leaves_nothing_running_and_keeps_data_and_secrets(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    kept = stack.layout.data("kafka")
    kept.mkdir()
    secrets = stack.layout.secrets_file.read_text()
    assert sorted(down(small_stack)) == ["sink", "worker-0"]
    assert processes.marked(stack.plan.stack_id) == ()
    assert {each.state for each in status(small_stack)} == {State.STOPPED}
    assert kept.is_dir()
    again = up(Options(state_dir=small_stack))
    assert again.plan.ports == stack.plan.ports
    assert stack.layout.secrets_file.read_text() == secrets


def test_down_ends_what_lost_its_record(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    (stack.layout.run / "sink.json").unlink()
    down(small_stack)
    assert processes.marked(stack.plan.stack_id) == ()


def test_down_twice_and_down_without_a_stack_do_nothing(small_stack: Path) -> None:
    assert down(small_stack) == ()
    up(Options(state_dir=small_stack))
    assert down(small_stack)
    assert down(small_stack) == ()


def test_purge_deletes_what_the_stack_made_and_nothing_else(small_stack: Path) -> None:
    up(Options(state_dir=small_stack))
    (small_stack / "notes.txt").write_text("mine")
    down(small_stack, purge=True)
    assert [file.name for file in small_stack.iterdir()] == ["notes.txt"]
    with pytest.raises(StackAbsent, match="governance up"):
        status(small_stack)


def test_infrastructure_only_starts_no_process(small_stack: Path) -> None:
    assert up(Options(state_dir=small_stack, infrastructure_only=True)).status() == []
    full = pids(up(Options(state_dir=small_stack)))
    up(Options(state_dir=small_stack, infrastructure_only=True))
    assert pids(Stack.load(small_stack)) == full


def test_a_record_from_before_a_reboot_is_not_trusted(small_stack: Path) -> None:
    stack = up(Options(state_dir=small_stack))
    record = stack.layout.run / "sink.json"
    down(small_stack)
    record.write_text(f'{{"pid": {os.getpid()}, "mark": "another boot:1", "identity": ""}}')
    assert {each.name: each.state for each in stack.status()}["sink"] is State.CRASHED
    assert down(small_stack) == ()


@pytest.mark.parametrize("wrong", [{"opas": 0}, {"workers": -1}])
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one OPA"):
        Options(opas=wrong.get("opas"), workers=wrong.get("workers"))
