"""What is broken on purpose, and the answer that each kind must get.

kind.py         what a kind is
unreadable.py   bytes and headers that are no command: quarantined
documents.py    inputs that no policy gets to see: rejected
addresses.py    commands that came to the wrong place, or twice
policies.py     policy commands and Rego sources that are refused
"""

from typing import Final

from devstack.demo.malformed.addresses import ADDRESSES
from devstack.demo.malformed.documents import DOCUMENTS
from devstack.demo.malformed.kind import Case, Kind, Outcome
from devstack.demo.malformed.policies import POLICIES
from devstack.demo.malformed.unreadable import UNREADABLE

KINDS: Final[tuple[Kind, ...]] = (*UNREADABLE, *DOCUMENTS, *ADDRESSES, *POLICIES)

__all__ = ["KINDS", "Case", "Kind", "Outcome"]
