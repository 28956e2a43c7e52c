"""PostgreSQL servers of a test's own: made, killed, copied, followed and promoted."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import psutil  # type: ignore[import-untyped]

from devstack.accounts import open_path_to, server_account
from devstack.servers.postgres_settings import initdb_arguments, server_arguments
from devstack.toolchain import find_postgres

SUPERUSER: Final = "postgres"
PASSWORD: Final = "wall-superuser"
PATIENCE_S: Final = 60.0

Settings = Mapping[str, str]


def programs() -> Path:
    """The folder of PostgreSQL's programs."""
    found = find_postgres()
    assert found is not None
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


@dataclass(slots=True)
class Server:
    """One cluster in ``data``."""

    data: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    made: list["Server"] = field(default_factory=list, repr=False)
    """Every server of the test, this one and its copies among them."""

    @property
    def host(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """An address of one of its databases."""
        return f"postgresql://{user}:{password}@{self.host}/{database}"

    def start(self) -> None:
        """Returns when it answers: as a standby, once it is consistent."""
        log = self.data.with_suffix(".log").open("ab")
        with log:
            self.process = _spawn(
                [str(programs() / "postgres"), *server_arguments(self.data, self.port)], log
            )
        _until(self._answers, f"{self.data.name} does not answer; see {log.name}")

    def kill(self) -> None:
        """What a power failure does: every process of it is gone at once."""
        assert self.process is not None
        family = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        for each in family:
            _signal(each, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        psutil.wait_procs(family[1:], PATIENCE_S)
        self.process = None

    def stop(self) -> None:
        """In good order; harmless where it does not run."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE_S)
            self.process = None

    def promote(self) -> None:
        """A standby becomes a primary."""
        _run("pg_ctl", "promote", "--wait", f"--pgdata={self.data}")

    def base_backup(self, to: Path, *arguments: str) -> "Server":
        """A copy of the running cluster in ``to``, not started; ``--write-recovery-conf`` makes a standby."""
        source = f"postgresql://{SUPERUSER}:{PASSWORD}@{self.host}/?application_name={to.name}"
        _run("pg_basebackup", f"--dbname={source}", f"--pgdata={to}", "--checkpoint=fast", *arguments)
        copy = Server(to, made=self.made)
        self.made.append(copy)
        return copy

    def configure(self, settings: Settings) -> None:
        """Settings for its next start."""
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.data.with_suffix(".log").read_text()
        asked = subprocess.run(
            [str(programs() / "pg_isready"), "--host=127.0.0.1", f"--port={self.port}", "--quiet"],
            check=False,
        )
        return asked.returncode == 0


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[str], Server]]:
    """Makes empty clusters below ``folder`` by name; every server of that folder is stopped in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    account = server_account()
    if account is not None:
        os.chown(folder, account.uid, account.gid)
        open_path_to(folder / "data")
    made: list[Server] = []

    def make(name: str) -> Server:
        server = Server(folder / name, made=made)
        password = folder / f"{name}.password"
        password.write_text(PASSWORD)
        if account is not None:
            os.chown(password, account.uid, account.gid)
        _run(
            "initdb",
            f"--pgdata={server.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            *initdb_arguments(),
        )
        made.append(server)
        return server

    try:
        yield make
    finally:
        for server in made:
            if server.process is not None:
                server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _signal(process: psutil.Process, number: int) -> None:
    if process.is_running():
        process.send_signal(number)


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    account = server_account()
    return subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
    )


def _run(program: str, *arguments: str) -> None:
    account = server_account()
    ended = subprocess.run(
        [str(programs() / program), *arguments],
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
