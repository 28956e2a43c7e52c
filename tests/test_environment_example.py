"""``.env.example`` lists every setting that the code reads, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("agents", "audit_sink", "client", "devstack", "projections", "schemas")
SETTING = re.compile(r"\"(AUMOS_[A-Z0-9_]*[A-Z0-9])\"")

INTERNAL = {"AUMOS_STACK_ID"}
"""Marks of the embedded stack on its own processes, not for people."""


def test_the_example_environment_lists_exactly_the_settings_in_the_code() -> None:
    sources = (file.read_text() for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    read = {name for source in sources for name in SETTING.findall(source)}
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#?(AUMOS_\w+)=", example, re.MULTILINE)) == read - INTERNAL
