"""Structured logs: one JSON object per line on stderr. Never bodies, tokens or passwords."""

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import orjson

QUIET: Final = ("httpx", "httpcore", "aiokafka")
"""Libraries whose INFO lines are one per request or per poll."""


class JsonLines(logging.Formatter):
    """``time``, ``level``, ``logger``, ``message``, and what ``extra={"fields": {...}}`` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure() -> None:
    """Sends the root logger's INFO and above through :class:`JsonLines`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
