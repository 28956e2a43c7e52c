"""How to ask: the Python client of upstream services and the ``governance`` command line."""

from client.blocking import BlockingClient
from client.broker import Broker
from client.bucket import Bucket
from client.consumer import EventConsumer
from client.governance import GovernanceClient

__all__ = ["BlockingClient", "Broker", "Bucket", "EventConsumer", "GovernanceClient"]
