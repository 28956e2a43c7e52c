"""The command line in the hands of a system's operator."""

from pathlib import Path

from typer.testing import CliRunner

from client.cli.main import app


class Governance:
    """``governance`` in the environment of the system's operator, in the name of one tenant."""

    def __init__(self, environment: dict[str, str], tenant: str, folder: Path) -> None:
        self.environment = {**environment, "AUMOS_GOVERNANCE_TENANT": tenant}
        self.folder = folder

    def __call__(self, *arguments: str, stdin: str = "", expect: int = 0) -> str:
        """What a call prints; it must end with the exit code ``expect``."""
        done = CliRunner().invoke(app, arguments, input=stdin, env=self.environment)
        assert done.exit_code == expect, done.output
        return done.stdout
