"""The rebuild on another receipts topic, which is the first argument."""

import sys
from dataclasses import replace

from audit_sink.rebuild.__main__ import run
from schemas.topics import topics

if __name__ == "__main__":
    sys.exit(run(replace(topics().receipts, name=sys.argv[1]), sys.argv[2:]))
