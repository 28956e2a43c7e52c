"""Cases at hand as the pages of a replay."""

from collections.abc import AsyncIterator, Sequence

from rego.replay.comparing import Case


async def one_page(cases: Sequence[Case]) -> AsyncIterator[Sequence[Case]]:
    """All of them at once."""
    yield cases
