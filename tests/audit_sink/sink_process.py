"""The sink as a process on other topics: arguments are event topic, its partitions, receipts topic."""

import sys
from dataclasses import replace

from audit_sink.__main__ import run
from audit_sink.wall import Lane
from schemas.topics import topics

if __name__ == "__main__":
    event_topic, partitions, receipts_topic = sys.argv[1:]
    lanes = [Lane(event_topic, number) for number in range(int(partitions))]
    run(lanes, replace(topics().receipts, name=receipts_topic))
