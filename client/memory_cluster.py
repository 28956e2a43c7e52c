"""A cluster in memory: :class:`client.topics.ClusterAdmin` for tests."""

from collections.abc import Collection, Mapping, Sequence

from client.acls import Grant
from client.topics import Alter, Create, TopicFound


class InMemoryCluster:
    """Topics and access rules; ``authorizer`` says whether it checks any."""

    def __init__(self, authorizer: bool = False) -> None:
        self.found: dict[str, TopicFound] = {}
        self.rules: frozenset[Grant] | None = frozenset() if authorizer else None

    async def topics(self, named: Collection[str]) -> Mapping[str, TopicFound]:
        return dict(self.found)

    async def create(self, change: Create) -> None:
        settings = dict(change.settings)
        self.found[change.topic] = TopicFound(
            change.partitions, change.replication_factor, settings, settings
        )

    async def alter(self, change: Alter) -> None:
        before = self.found[change.topic]
        # A setting that is no longer the topic's own goes back to the broker's, here: to nothing.
        settings = dict(change.overrides)
        self.found[change.topic] = TopicFound(
            before.partitions, before.replication_factor, settings, settings
        )

    async def grants(self) -> frozenset[Grant] | None:
        return self.rules

    async def allow(self, grants: Sequence[Grant]) -> None:
        assert self.rules is not None
        self.rules |= frozenset(grants)
