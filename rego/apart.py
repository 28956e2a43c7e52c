"""Examining in processes of one's own: reading a syntax tree of 30 MB keeps a process busy for a second, and
one that decides has other tenants waiting.

``python -m rego.apart`` is such a process. It takes pickled candidates on its standard input, each after its
length, answers likewise, and ends where its input does. It inherits no setting or credential of ours.
"""

import asyncio
import gc
import os
import pickle
import resource
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import BinaryIO, Final

from rego import CheckUnavailable
from rego.binary import BinaryLimits
from rego.examining import WALL_S, Candidate, ExaminerHere, ended
from rego.findings import Accepted, Refused
from rego.opa import Opa

GRACE_S: Final = 5.0
"""Seconds beyond those of an examination until its process, which does not end it, is killed."""

READY: Final = b"ready\n"
"""What a process says once it can work."""

_LENGTH: Final = struct.Struct("!I")

_Answer = Accepted | Refused | CheckUnavailable


class ExaminerApart:
    """Examines in processes that are started when they are wanted and kept: as many as there are candidates
    at the same time."""

    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._idle: list[Process] = []

    async def examine(self, candidate: Candidate) -> Accepted | Refused:
        """As :meth:`rego.examining.Examiner.examine`; the death of the process is the candidate's doing."""
        process = self._idle.pop() if self._idle else await self._started()
        try:
            async with asyncio.timeout(WALL_S + GRACE_S):
                answer = await _asked(process, candidate)
        except TimeoutError:
            return ended(f"not finished in {WALL_S + GRACE_S:g} s")
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
            return ended("it needs too much memory")
        else:
            self._idle.append(process)
        finally:
            if process not in self._idle:
                await _end(process)
        if isinstance(answer, CheckUnavailable):
            raise answer
        return answer

    async def close(self) -> None:
        """Ends the processes; none may be examining."""
        while self._idle:
            await _end(self._idle.pop())

    async def _started(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "rego.apart", self._binary),
            stdin=PIPE,
            stdout=PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("AUMOS_")},
            start_new_session=True,  # a Ctrl-C is for the process that asks
        )
        assert process.stdout is not None
        if await process.stdout.readline() != READY:
            await _end(process)
            raise CheckUnavailable("a process for checks does not start")
        return process


async def _asked(process: Process, candidate: Candidate) -> _Answer:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_framed(candidate))
    await process.stdin.drain()
    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
    answer: _Answer = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - written by ours
    return answer


async def _end(process: Process) -> None:
    """With whatever it runs, which is in its session."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()


def _framed(what: Candidate | _Answer) -> bytes:
    body = pickle.dumps(what)
    return _LENGTH.pack(len(body)) + body


def serve(binary: str, requests: BinaryIO, answers: BinaryIO) -> None:
    """Examines what comes, one after the other, until there is no more."""
    limits = BinaryLimits()
    memory, (_, most) = limits.memory_kib * 1024, resource.getrlimit(resource.RLIMIT_DATA)
    bound = memory if most == resource.RLIM_INFINITY else min(memory, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
    gc.disable()  # trees have no cycles, and a million nodes to look through
    examiner = ExaminerHere(Opa(binary, limits))
    answers.write(READY)
    answers.flush()
    with asyncio.Runner() as runner:
        while length := requests.read(_LENGTH.size):
            candidate: Candidate = pickle.loads(requests.read(*_LENGTH.unpack(length)))  # noqa: S301 - ours
            answers.write(_framed(runner.run(_answer(examiner, candidate))))
            answers.flush()
            gc.collect()


async def _answer(examiner: ExaminerHere, candidate: Candidate) -> _Answer:
    try:
        return await examiner.examine(candidate)
    except CheckUnavailable as error:
        return error


if __name__ == "__main__":
    serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
