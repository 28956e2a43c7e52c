"""What OPA holds of a policy's version, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

Place = tuple[str, str, str, str]
"""``tenants``, tenant, policy id, ``v<version>``: the path below ``data`` that is a version's own."""

NO_DATA: Final = "{}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The modules and the data of one version, as OPA loads them."""

    module: str
    """The entry module: its package is the version's place, its rule ``decision`` is what is asked."""
    modules: tuple[tuple[str, str], ...] = ()
    """The other modules, as path and text; every package is below the version's place."""
    data: str = NO_DATA
    """The JSON text of an object that stands at the version's place, with sorted keys."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it; that of the module where there is nothing else."""
        if not self.modules and self.data == NO_DATA:
            return sha256(self.module.encode()).hexdigest()
        return sha256(orjson.dumps([self.module, self.modules, self.data])).hexdigest()


def loaded_package(tenant: str, policy_id: str, version: int) -> Place:
    """The package path, without ``data``, under which OPA holds a version."""
    return ("tenants", tenant, policy_id, f"v{version}")


def data_document(data: Mapping[Place, str]) -> bytes:
    """The root document that holds every version's data at its place; keys are sorted."""
    document: dict[str, object] = {}
    for place in sorted(data):
        node = document
        for name in place[:-1]:
            inner = node.setdefault(name, {})
            assert isinstance(inner, dict)
            node = inner
        node[place[-1]] = orjson.Fragment(data[place])
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
