"""The command line before a scripted engine."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from client.cli import calling
from client.cli.main import app
from client.cli.settings import Settings
from client.memory import InMemoryTransport
from client.scripted import ScriptedEngine
from client.transport import Outgoing, Received


class Shell:
    """The command line in an environment of its own, before a scripted engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.engine = ScriptedEngine(lambda policy, document: "deny" if policy == "gate" else "allow")
        self.silent = False
        self.sent: list[Outgoing] = []
        for name in list(Settings.model_fields.values()):
            if name.alias:
                monkeypatch.delenv(name.alias, raising=False)
        monkeypatch.setenv("AUMOS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        monkeypatch.setenv("AUMOS_GOVERNANCE_TENANT", "acme")
        monkeypatch.setattr(calling, "KafkaTransport", lambda broker: InMemoryTransport(self._respond))
        self._monkeypatch = monkeypatch

    def setenv(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def _respond(self, command: Outgoing) -> Sequence[Received]:
        self.sent.append(command)
        return () if self.silent else self.engine(command)
