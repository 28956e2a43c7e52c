"""TCP ports on 127.0.0.1 that no two stacks of one user share.

A port is reserved in a file beside the cache from its choice until the stack is down, so that stacks that
start at the same moment cannot choose the same one before either listens.
"""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from devstack.files import locked, write_atomically
from devstack.settings import DERIVED_PORT_OFFSET, PORT_RANGE


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def allocate(
    registry: Path,
    holder: Path,
    names: Sequence[str],
    wanted: Mapping[str, int],
    in_use: Collection[str] = (),
) -> dict[str, int]:
    """Reserve one port for each of `names` for the stack in `holder`.

    `wanted` ports are given where they are free; those of names `in_use` (our own running servers) are kept
    without asking. The port `DERIVED_PORT_OFFSET` above each is free too: SeaweedFS derives some that way.
    """
    with locked(registry.with_suffix(".lock")):
        reservations = {
            key: ports for key, ports in _read(registry).items() if Path(key).is_dir() and key != str(holder)
        }
        taken = {port for ports in reservations.values() for port in ports}
        chosen: dict[str, int] = {}
        for name in names:
            port = wanted.get(name)
            usable = port is not None and port not in taken and (name in in_use or is_free(port))
            chosen[name] = port if port is not None and usable else _pick(taken)
            taken.add(chosen[name])
        reservations[str(holder)] = sorted(chosen.values())
        write_atomically(registry, json.dumps(reservations))
    return chosen


def release(registry: Path, holder: Path) -> None:
    """Give the holder's ports back; harmless when it has none."""
    with locked(registry.with_suffix(".lock")):
        reservations = _read(registry)
        if reservations.pop(str(holder), None) is not None:
            write_atomically(registry, json.dumps(reservations))


def _pick(taken: Collection[int]) -> int:
    candidates = list(PORT_RANGE)
    random.shuffle(candidates)
    for port in candidates:
        if port not in taken and is_free(port) and is_free(port + DERIVED_PORT_OFFSET):
            return port
    raise OSError(f"no free TCP port between {PORT_RANGE.start} and {PORT_RANGE.stop - 1}")


def _read(registry: Path) -> dict[str, list[int]]:
    try:
        content = json.loads(registry.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(key): [int(port) for port in ports] for key, ports in content.items()}
