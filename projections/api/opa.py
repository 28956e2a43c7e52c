"""OPA's health, for readiness: the read API asks it nothing else."""

from collections.abc import Sequence

import httpx

from projections.api.readiness import Down


class OpaHealth:
    """The health paths of every OPA process."""

    def __init__(self, client: httpx.AsyncClient, urls: Sequence[str]) -> None:
        self._client = client
        self._urls = tuple(urls)

    async def check(self) -> None:
        """Raises :class:`~projections.api.readiness.Down` unless every process answers that it is well."""
        well = [await self._well(url) for url in self._urls]
        if not all(well):
            raise Down(f"{well.count(True)} of {len(well)} processes answer")

    async def _well(self, url: str) -> bool:
        try:
            return (await self._client.get(f"{url}/health")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False
