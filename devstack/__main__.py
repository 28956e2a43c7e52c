"""`python -m devstack`: the embedded stack by hand."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from rich.console import Console

import devstack
from devstack.compose import compose, render
from devstack.compose_parts import new_secrets
from devstack.layout import default_state_dir

_STYLES = {devstack.State.RUNNING: "green", devstack.State.STOPPED: "dim", devstack.State.CRASHED: "red"}


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: done; 1: something failed or is missing; 2: wrong usage; 130: interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except devstack.StackError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; what was started can be stopped with: down", style="yellow")
        return 130


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, default=default_state_dir(), help="state folder (AUMOS_STACK_DIR, else .stack)"
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("up", help="start what is missing")
    command.add_argument("--infrastructure", action="store_true", help="servers only, no product processes")
    command.add_argument("--opas", type=int, help="number of OPA processes")
    command.add_argument("--workers", type=int, help="number of workers")
    command.set_defaults(run=_up)

    command = commands.add_parser("down", help="stop everything")
    command.add_argument("--purge", action="store_true", help="delete the data, too")
    command.set_defaults(run=_down)

    command = commands.add_parser("migrate", help="bring databases and topics up to date")
    command.set_defaults(run=_migrate)

    command = commands.add_parser("status", help="how every component is")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_status)

    command = commands.add_parser("env", help="the environment of a process (contains secrets)")
    command.add_argument("process", nargs="?", default="cli", help="worker, api, migrations, …; default cli")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_env)

    command = commands.add_parser("compose", help="print docker-compose.yml")
    command.set_defaults(run=_compose)

    command = commands.add_parser("compose-secrets", help="print fresh secrets for the .env of compose")
    command.set_defaults(run=_compose_secrets)

    command = commands.add_parser(
        "prerequisites", help="what is missing on this machine; exit 1 if anything is"
    )
    command.add_argument(
        "--toolchain", action="store_true", help="only say whether requirements/toolchain.txt is needed"
    )
    command.set_defaults(run=_prerequisites)
    return parser


def _up(options: argparse.Namespace) -> int:
    console = Console()
    with devstack.ConsoleProgress(console) as progress:
        asked = devstack.Options(options.infrastructure, options.opas, options.workers, None, options.dir)
        stack = devstack.up(asked, progress)
    console.print()
    _show(console, stack.status())
    return 0


def _down(options: argparse.Namespace) -> int:
    console = Console()
    with devstack.ConsoleProgress(console) as progress:
        stopped = devstack.down(options.dir, options.purge, progress)
    console.print(f"stopped {len(stopped)} component(s)" if stopped else "nothing was running")
    return 0


def _migrate(options: argparse.Namespace) -> int:
    with devstack.ConsoleProgress(Console()) as progress:
        devstack.migrate(options.dir, progress)
    return 0


def _status(options: argparse.Namespace) -> int:
    found = devstack.status(options.dir)
    if options.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=1) + "\n")
        return 0
    console = Console()
    _show(console, found)
    for each in found:
        if each.tail is not None:
            console.print(f"\n{each.name} crashed; {each.log} ends with:", style="red", soft_wrap=True)
            console.print(each.tail, markup=False, highlight=False, soft_wrap=True)
    return 1 if any(each.state is devstack.State.CRASHED for each in found) else 0


def _env(options: argparse.Namespace) -> int:
    values = devstack.environment(options.process, options.dir)
    if options.json:
        sys.stdout.write(json.dumps(values, indent=1) + "\n")
    else:
        sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items()))
    return 0


def _compose(_options: argparse.Namespace) -> int:
    sys.stdout.write(render(compose()))
    return 0


def _compose_secrets(_options: argparse.Namespace) -> int:
    sys.stdout.write(new_secrets())
    return 0


def _prerequisites(options: argparse.Namespace) -> int:
    if options.toolchain:
        needed = devstack.toolchain_needed()
        sys.stdout.write(f"{'needed' if needed else 'not needed'}\n")
        return 0
    console = Console()
    absent = False
    for each in devstack.prerequisites():
        if each.found is not None:
            line = f"✓ {each.name} ({each.purpose}): {each.found}"
        else:
            absent = True
            line = f"✗ {each.name} ({each.purpose}) is missing. Install it with: {each.install}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if absent else 0


def _show(console: Console, found: list[devstack.ComponentStatus]) -> None:
    widths = [max(len(each.name) for each in found), max(len(each.address) for each in found)]
    for each in found:
        line = f"{each.name:<{widths[0]}}  {each.state:<8} {each.pid or '':>8}  {each.address:<{widths[1]}}"
        console.print(f"{line}  {each.log}", style=_STYLES[each.state], markup=False, soft_wrap=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    sys.exit(main())
