"""Running the OPA binary on hostile input, inside limits."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from typing import Final

from rego import CheckUnavailable

_SHELL: Final = '''ulimit -c 0; ulimit -t "$0"; ulimit -d "$1" 2>/dev/null; shift; exec "$@"'''
"""The shell sets the limits between fork and exec, where Python in a threaded process cannot safely."""

_NOT_RUN: Final = frozenset({126, 127})
"""Exit statuses of a shell that could not execute the program (POSIX)."""


@dataclass(frozen=True, slots=True)
class BinaryLimits:
    """Bounds of one run."""

    cpu_s: int = 2
    """CPU seconds. The example takes 0.02; a module that needs more than 2 would slow every reload of
    the OPA process that holds it."""

    wall_s: float = 10.0
    """Seconds until the run is given up, on a busy machine too."""

    memory_kib: int = 1_200_000
    """Writable memory in KiB, where the system enforces it; OPA needs 0.6 GiB of it to start."""

    output_bytes: int = 33_554_432
    """Most that is read of its output, in bytes: the syntax tree of 128 KiB of dense source has 16 MiB."""


class OutOfBounds(Exception):
    """The run was ended by a limit, or crashed; the text says which."""


@dataclass(frozen=True, slots=True)
class Output:
    """A run that ended by itself."""

    status: int
    out: bytes
    err: bytes


async def run(
    binary: str,
    arguments: tuple[str, ...],
    folder: str,
    limits: BinaryLimits,
    statuses: frozenset[int] = frozenset({0, 1}),
) -> Output:
    """Runs ``opa`` with arguments in a folder; ``statuses`` are those that it ends with by itself.

    Raises :class:`OutOfBounds`, and :class:`CheckUnavailable` where it cannot be run at all.
    """
    program = shutil.which(binary)
    if program is None:
        raise CheckUnavailable(f"no OPA binary {binary!r}")
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        _SHELL,
        str(limits.cpu_s),
        str(limits.memory_kib),
        program,
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        # No proxy, token or configuration of ours reaches it; the soft heap limit is below the hard one.
        env={"PATH": os.defpath, "HOME": folder, "GOMEMLIMIT": "400MiB", "GOMAXPROCS": "2"},
    )
    try:
        async with asyncio.timeout(limits.wall_s):
            output = await _read(process, limits.output_bytes)
    except TimeoutError:
        raise OutOfBounds(f"not finished in {limits.wall_s:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            # Reads what is left, so that its pipes are closed.
            await process.communicate()
    if output.status in _NOT_RUN:
        raise CheckUnavailable(f"{binary!r} cannot be run: {output.err[:200].decode(errors='replace')}")
    if output.status not in statuses:
        raise OutOfBounds(f"more than {limits.cpu_s} s of CPU or {limits.memory_kib} KiB of memory")
    return output


async def _read(process: Process, limit: int) -> Output:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = await asyncio.gather(
        _bounded(process, process.stdout, limit), _bounded(process, process.stderr, limit)
    )
    status = await process.wait()
    if out is None or err is None:
        raise OutOfBounds(f"more than {limit} bytes of output")
    return Output(status, out, err)


async def _bounded(process: Process, stream: asyncio.StreamReader, limit: int) -> bytes | None:
    """What a process writes, None where it was ended for writing too much."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await stream.read(1 << 20):
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif process.returncode is None:
            process.kill()
    return b"".join(chunks) if size <= limit else None
