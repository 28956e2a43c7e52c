"""How to reach Kafka."""

import ssl
from dataclasses import dataclass
from typing import Final, Literal

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

REQUEST_TIMEOUT_MS: Final = 10_000
"""Longest wait for one answer of a broker, in ms: above a broker's pauses, below a person's patience."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Bootstrap addresses (``host:port``, comma separated) and, where the cluster asks, who we are."""

    bootstrap: str = "localhost:9092"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str = ""
    password: str = ""
    ca_file: str = ""
    """Certificate authority in PEM; empty takes the system's."""

    def __repr__(self) -> str:
        return f"Broker({self.bootstrap!r}, {self.security_protocol}, username={self.username!r})"

    def options(self) -> dict[str, object]:
        """Keyword arguments of every aiokafka client."""
        options: dict[str, object] = {
            "bootstrap_servers": [address.strip() for address in self.bootstrap.split(",")],
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca_file or None)
        return options
