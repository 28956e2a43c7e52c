"""Tests that share a process by their mark: what starts servers starts them once."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import pathlib, pytest

@pytest.mark.xdist_group("one system")
@pytest.mark.parametrize("number", range(8))
def test_it(number, worker_id):
    pathlib.Path(__file__).with_name(f"{number}.txt").write_text(worker_id)
"""


def test_a_group_stays_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    arguments = ("-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=tmp_path, check=True)
    workers = [file.read_text() for file in tmp_path.glob("*.txt")]
    assert len(workers) == 8
    assert len(set(workers)) == 1
