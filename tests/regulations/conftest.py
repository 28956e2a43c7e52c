"""The regulations of this project, loaded once: nothing can change them."""

import pytest

from regulations.loader import Library, load_library


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library()
