"""``python -m client.cli``."""

from client.cli.main import app

app(prog_name="governance")
