"""The health check of everything that speaks HTTP."""

from __future__ import annotations

import httpx

from devstack.component import NotReady
from devstack.settings import CHECK_TIMEOUT_SECONDS


async def answers_ok(url: str) -> None:
    """Raise `NotReady` until a GET of `url` answers 200."""
    try:
        async with httpx.AsyncClient(timeout=CHECK_TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        raise NotReady(f"{url}: {type(error).__name__}") from error
    if answer.status_code != httpx.codes.OK:
        raise NotReady(f"{url}: HTTP {answer.status_code}")
