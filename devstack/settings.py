"""Every default of the embedded stack, by name, with unit, reason and bound.

The native stack and `docker-compose.yml` are both made from these values.
"""

from __future__ import annotations

from typing import Final

# Versions. A change here also changes kafka/pom.xml, kafka/jars.txt and docker-compose.yml (tests compare).
KAFKA_VERSION: Final = "4.3.1"
OPA_VERSION: Final = "1.22.2"
POSTGRES_MAJOR: Final = "18"
SEAWEEDFS_VERSION: Final = "4.48"
JAVA_MINIMUM: Final = 17  # Kafka 4 brokers need it.
GO_MINIMUM: Final = (1, 26)  # OPA's go.mod asks for it.

# Sizes, in bytes. An event is at most 1 MiB; topic and producer limits must exceed it, because one
# oversize record makes an idempotent producer unusable. Twice the limit leaves room for headers and key.
KAFKA_MESSAGE_MAX_BYTES: Final = 2 * 1024 * 1024
KAFKA_HEAP: Final = "512m"
# A consumer group may ask for sessions of this length or more, in ms; workers use 6 s.
KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: Final = 3_000
# How long a broker that was killed keeps its successor waiting, in ms (Kafka's default is 9 s), and how often
# a broker reports. Start-up takes most of this time anyway.
KAFKA_BROKER_SESSION_TIMEOUT_MS: Final = 4_000
KAFKA_BROKER_HEARTBEAT_MS: Final = 1_000
# Partitions of the internal offsets topic; the default of 50 costs start-up time for nothing on one node.
KAFKA_OFFSETS_PARTITIONS: Final = 8

POSTGRES_SHARED_BUFFERS: Final = "128MB"
POSTGRES_MAX_CONNECTIONS: Final = 200
PRIMARY_DATABASE: Final = "governance"
AUDIT_DATABASE: Final = "governance_audit"
POSTGRES_SUPERUSER: Final = "postgres"

# OPA long polling, in seconds: short delays between polls, one held request of half a minute.
OPA_MIN_DELAY_SECONDS: Final = 1
OPA_MAX_DELAY_SECONDS: Final = 2
OPA_LONG_POLLING_SECONDS: Final = 30
# Go's collector at 400 % saves 15-30 % CPU for memory.
OPA_GOGC: Final = "400"

EVIDENCE_BUCKET: Final = "aumos-governance-evidence"
WALL_BUCKET: Final = "aumos-governance-wall"
LOG_ORIGIN: Final = "aumos.example/audit-wall"

# Ports that are taken when they are free; anything else is picked from PORT_RANGE.
PREFERRED_PORTS: Final = {"api": 8000, "kafka": 9092, "opa-0": 8181}
# Below the ephemeral ranges of Linux (32768+) and macOS (49152+), so that no outgoing connection can take
# a port between its choice and its use; the upper third is left to derived ports (+10000, SeaweedFS).
PORT_RANGE: Final = range(12_000, 22_000)
DERIVED_PORT_OFFSET: Final = 10_000

# Seconds that a component may take to become ready. Generous: a cold page cache on a busy machine.
INFRASTRUCTURE_READY_SECONDS: Final = 90.0
PROCESS_READY_SECONDS: Final = 60.0
# Seconds between two health checks while starting, and the most one check may take.
CHECK_INTERVAL_SECONDS: Final = 0.1
CHECK_TIMEOUT_SECONDS: Final = 3.0
# Seconds between SIGTERM and SIGKILL. Workers finish a batch, publish and acknowledge in this time.
STOP_GRACE_SECONDS: Final = 15.0
# Seconds that a process's children have to end after it, before they are killed.
ORPHAN_GRACE_SECONDS: Final = 1.0
# Seconds to wait for a paused process to stand still; one in the middle of a disk write takes longest.
PAUSE_SECONDS: Final = 2.0
# Seconds a one-shot step may take: a Go build on a slow machine, and everything else.
BUILD_SECONDS: Final = 1_800.0
STEP_SECONDS: Final = 180.0
# Lines of a crashed component's log that are shown.
TAIL_LINES: Final = 20
