"""An OPA process that holds a few versions and decides on many inputs at once.

One process a replay rather than ``opa eval`` in pieces: it answers two requests at a time while the next
inputs are read, and starts in 30 ms (measured: 70,000 inputs a second on two cores against 34,000).
"""

import asyncio
import json
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import aiohttp
import orjson

from rego import CheckUnavailable
from rego.loaded import Loaded, Place, data_document
from rego.replay.judged import Answer, NoAnswer

START_S: Final = 20.0
"""Longest that the process takes to answer, in seconds; 0.03 on an idle machine."""

BATCH_S: Final = 10.0
"""Longest that a batch takes, in seconds; a slower one is halved."""

ALONE_S: Final = 2.0
"""Longest that one input alone takes, in seconds: ten times the engine's own deadline, as this process
gets what others leave of the machine."""

MAX_LATE: Final = 25
"""Inputs that may run into :data:`ALONE_S` before the version is given up."""

MEMORY_KIB: Final = 2_000_000
"""Writable memory of the process in KiB, where the system enforces it."""

_SHELL: Final = 'ulimit -c 0; ulimit -d "$0" 2>/dev/null; exec "$@"'

_ENTRY: Final = """\
package replay[{name}]

listed := [d | some doc in input.docs; d := data.{path}.decision with input as doc]

keyed[i] := d if {{
	some i, doc in input.docs
	d := data.{path}.decision with input as doc
}}
"""


class TooSlow(Exception):
    """A version takes too long on too many inputs."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A version in the place at which its rules stand."""

    loaded: Loaded
    place: Place

    @property
    def path(self) -> str:
        """Where it is, below ``data``."""
        first, *rest = self.place
        return first + "".join(f"[{json.dumps(part, ensure_ascii=False)}]" for part in rest)

    @property
    def modules(self) -> tuple[str, ...]:
        """The texts of its modules."""
        return (self.loaded.module, *(text for _, text in self.loaded.modules))


class ReplayOpa:
    """Asks the versions of one process, by the names they were given."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._late = 0

    async def answers(self, name: str, documents: Sequence[bytes]) -> list[Answer]:
        """What a version decides on JSON documents, in order.

        An input on which it fails or is late costs no other its answer. Raises :class:`TooSlow`, and
        :class:`rego.CheckUnavailable` when the process does not answer any more.
        """
        if not documents:
            return []
        try:
            return await self._together(name, documents)
        except _Failed as error:
            if len(documents) == 1:
                return [self._failed(error)]
        middle = len(documents) // 2
        return await self.answers(name, documents[:middle]) + await self.answers(name, documents[middle:])

    def _failed(self, error: "_Failed") -> NoAnswer:
        if error.late:
            self._late += 1
            if self._late > MAX_LATE:
                raise TooSlow(f"more than {MAX_LATE} inputs took it longer than {ALONE_S:g} s each")
        return NoAnswer("timeout" if error.late else "evaluation_error", str(error))

    async def _together(self, name: str, documents: Sequence[bytes]) -> list[Answer]:
        body = b'{"input":{"docs":[%b]}}' % b",".join(documents)
        listed = await self._ask(f"{name}/listed", body, len(documents))
        if isinstance(listed, list) and len(listed) == len(documents):
            return listed
        keyed = await self._ask(f"{name}/keyed", body, len(documents))
        found = keyed if isinstance(keyed, dict) else {}
        return [found.get(str(place), _UNDEFINED) for place in range(len(documents))]

    async def _ask(self, path: str, body: bytes, size: int) -> object:
        try:
            async with asyncio.timeout(ALONE_S if size == 1 else BATCH_S):
                answer = await self._session.post(f"http://opa/v1/data/replay/{path}", data=body)
                try:
                    data = await answer.read()
                except BaseException:
                    answer.close()  # what cancels the evaluation inside OPA
                    raise
        except TimeoutError:
            raise _Failed(f"no answer in {ALONE_S:g} s", late=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise CheckUnavailable(f"the replay's OPA is gone: {type(error).__name__}: {error}") from error
        said = orjson.loads(data)
        if answer.status != 200:
            raise _Failed(_message(said), late=False)
        return said.get("result")


@asynccontextmanager
async def replay_opa(binary: str, versions: Mapping[str, Replayed]) -> AsyncIterator[ReplayOpa]:
    """A process that holds these versions, ended with the context.

    Names consist of letters. Raises :class:`rego.CheckUnavailable` where it does not start.
    """
    program = shutil.which(binary)
    if program is None:
        raise CheckUnavailable(f"no OPA binary {binary!r}")
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        # Here, not in a thread: one would outlive a cancellation and write into a folder being removed.
        files = _written(Path(folder), versions)
        socket = str(Path(folder, "s"))
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            _SHELL,
            str(MEMORY_KIB),
            program,
            *(
                "run",
                "--server",
                "--addr",
                f"unix://{socket}",
                "--log-level",
                "error",
                "--skip-version-check",
            ),
            *files,
            cwd=folder,
            stdin=DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # No proxy, token or configuration of ours reaches it.
            env={"PATH": os.defpath, "HOME": folder, "GOGC": "400", "GOMEMLIMIT": "600MiB"},
        )
        try:
            await _started(process, socket)
            connector = aiohttp.UnixConnector(socket, limit=0)
            async with aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20
            ) as session:
                yield ReplayOpa(session)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def _started(process: Process, socket: str) -> None:
    deadline = perf_counter() + START_S
    while process.returncode is None and perf_counter() < deadline:
        try:
            _, writer = await asyncio.open_unix_connection(socket)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return
    said = await process.stdout.read(2_000) if process.returncode is not None and process.stdout else b""
    raise CheckUnavailable(f"the replay's OPA did not start: {said.decode(errors='replace') or 'no word'}")


def _written(folder: Path, versions: Mapping[str, Replayed]) -> list[str]:
    # Two names may mean one version, whose rules must not stand twice.
    texts = {
        f"{place}_{number}.rego": text
        for place, version in enumerate(set(versions.values()))
        for number, text in enumerate(version.modules)
    }
    for name, version in versions.items():
        texts[f"{name}.rego"] = _ENTRY.format(name=json.dumps(name), path=version.path)
    data = {version.place: version.loaded.data for version in versions.values()}
    texts["data.json"] = data_document(data).decode()
    for file, text in texts.items():
        Path(folder, file).write_text(text, encoding="utf-8", newline="")
    return list(texts)


class _Failed(Exception):
    """A request was refused as a whole, or was late."""

    def __init__(self, message: str, late: bool) -> None:
        super().__init__(message)
        self.late = late


def _message(said: object) -> str:
    if not isinstance(said, dict):
        return "no readable answer"
    errors = said.get("errors")
    texts = [str(each.get("message")) for each in errors] if isinstance(errors, list) else []
    return "; ".join(texts) or str(said.get("message"))


_UNDEFINED: Final = NoAnswer("undefined", "undefined")
