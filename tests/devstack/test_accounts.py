"""What is opened for the server's own user, and no more."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from devstack.accounts import open_path_to, open_tree, server_account


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_others_may_pass_through_the_folders_above_but_not_list_them(tmp_path: Path) -> None:
    inner = tmp_path / "private" / "state" / "data"
    inner.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    (tmp_path / "private" / "state").chmod(0o755)
    inner.chmod(0o700)
    changed = open_path_to(inner)
    assert tmp_path / "private" in changed
    assert tmp_path / "private" / "state" not in changed
    assert mode(tmp_path / "private") == 0o701
    assert mode(inner) == 0o700


def test_an_open_path_is_left_as_it_is(tmp_path: Path) -> None:
    inner = tmp_path / "a"
    inner.mkdir()
    open_path_to(inner)
    assert open_path_to(inner) == ()


def test_a_tree_is_readable_by_others_and_its_programs_stay_programs(tmp_path: Path) -> None:
    program, text = tmp_path / "postgres", tmp_path / "postgres.bki"
    for file, before in ((program, 0o700), (text, 0o600)):
        file.touch()
        file.chmod(before)
    open_tree(tmp_path)
    assert (mode(program), mode(text), mode(tmp_path)) == (0o755, 0o644, 0o755)


def test_only_root_has_servers_run_as_somebody_else() -> None:
    account = server_account()
    assert (account is not None) == (os.geteuid() == 0)
    assert account is None or account.uid != 0
