"""Files that are either whole or absent, and locks between processes (POSIX `flock`)."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` by a file with `text` and `mode`; a reader sees the old text or the new, whole."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            os.fchmod(handle.fileno(), mode)
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on `path` (created when absent); waits for other holders, any process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def built_once(target: Path, build: Callable[[Path], None]) -> Path:
    """Return `target`, a folder that `build` fills at most once for all callers on this machine.

    `build` receives an empty folder beside the target and raises when it cannot fill it; only a filled
    folder is renamed to the target, so a target that exists is whole. Concurrent callers wait for the first.
    """
    if target.is_dir():
        return target
    with locked(target.with_name(f".{target.name}.lock")):
        if target.is_dir():
            return target
        for leftover in target.parent.glob(f".{target.name}.partial.*"):
            shutil.rmtree(leftover)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.partial."))
        try:
            build(partial)
            partial.chmod(0o755)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return target


def fresh_partial(target: Path) -> Path:
    """An empty folder beside `target`, to be filled and renamed to it; an earlier attempt's is removed."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    return partial


def last_lines(path: Path, count: int) -> str:
    """The last `count` lines of a log, or a word that it is empty; reads at most 64 KiB."""
    try:
        with path.open("rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - 65_536))
            text = handle.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return "(no log)"
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-count:]) or "(the log is empty)"
