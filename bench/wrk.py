"""The load generator wrk: its command line and what it prints."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import NotInstalled, NotVerified

INSTALL: Final = "sudo apt-get install --yes wrk"

_UNITS_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk measured: answers, answers a second, and latency in ms."""

    answers: int
    rate: float
    p50_ms: float
    p99_ms: float


def find_wrk() -> str:
    """The program; raises :class:`NotInstalled`."""
    found = shutil.which("wrk")
    if found is None:
        raise NotInstalled(f"missing: wrk, which drives the baseline. Install it with: {INSTALL}")
    return found


def command(program: str, clients: int, seconds: int, script: Path, url: str) -> Sequence[str]:
    """The command line of one run with one thread."""
    return (program, "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script), url)


def run(program: str, clients: int, seconds: int, script: Path, url: str) -> Measured:
    """One run; raises :class:`NotVerified` where an answer was no success."""
    ended = subprocess.run(
        command(program, clients, seconds, script, url),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    return read(ended.stdout)


def read(printed: str) -> Measured:
    """The figures in what wrk printed; raises :class:`NotVerified` where answers failed."""
    if failed := re.search(r"Non-2xx or 3xx responses: .*|Socket errors: .*", printed):
        raise NotVerified(f"the baseline failed: {failed[0]}")
    try:
        return Measured(
            answers=int(_find(r"(\d+) requests in", printed)[1]),
            rate=float(_find(r"Requests/sec:\s+([\d.]+)", printed)[1]),
            p50_ms=_milliseconds(_find(r"50%\s+([\d.]+)(us|ms|s|m)\b", printed)),
            p99_ms=_milliseconds(_find(r"99%\s+([\d.]+)(us|ms|s|m)\b", printed)),
        )
    except ValueError as error:
        raise NotVerified(f"wrk printed something else: {error}") from error


def _find(pattern: str, printed: str) -> re.Match[str]:
    found = re.search(pattern, printed)
    if found is None:
        raise ValueError(f"no {pattern!r} in {printed[:400]!r}")
    return found


def _milliseconds(found: re.Match[str]) -> float:
    return float(found[1]) * _UNITS_MS[found[2]]
