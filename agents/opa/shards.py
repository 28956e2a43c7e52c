"""Which OPA process holds a tenant: the same answer in the bundle service and in every worker.

Rendezvous hashing (Thaler and Ravishankar, 1998): one more process moves only the tenants that it
takes over.
"""

from functools import lru_cache
from hashlib import sha256


@lru_cache(maxsize=64)
def opa_names(processes: int) -> tuple[str, ...]:
    """``opa-0`` … in the order of AUMOS_GOVERNANCE_OPA_URL."""
    return tuple(f"opa-{index}" for index in range(processes))


@lru_cache(maxsize=65_536)
def shard_of(tenant: str, names: tuple[str, ...]) -> str:
    """The name of the process that holds a tenant's policies; ``names`` is not empty."""
    return max(names, key=lambda name: sha256(f"{name}\x1f{tenant}".encode()).digest())
