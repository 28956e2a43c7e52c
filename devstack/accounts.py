"""The user that PostgreSQL runs as.

PostgreSQL refuses to run as root. An ordinary user runs it as themselves; for root it runs as `nobody`,
which every system has, so that no account has to be made. That account must be able to pass through the
folders above the wheel and the data; where it cannot, they get the bare right to pass (`o+x`, not `o+r`).
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system, by its numbers."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Whom to switch to for servers that refuse root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid)


def open_path_to(path: Path) -> tuple[Path, ...]:
    """Let others pass through every folder above `path`; returns the folders that were changed."""
    changed = []
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            changed.append(folder)
    return tuple(changed)


def open_tree(top: Path) -> None:
    """Let others read everything below `top`, and run what its owner may run."""
    for folder, _, names in os.walk(top):
        Path(folder).chmod(0o755)
        for name in names:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
