"""One bundle as OPA downloads it (OPA "Bundle file format" and "Signature format"). Pure."""

import gzip
import hmac
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

import jwt
import orjson

from agents.bundles.ports import LoadableVersion, VersionKey
from rego.loaded import NO_DATA, Loaded, Place, data_document, loaded_package

ENTRY_POINT: Final = (Path(__file__).parents[2] / "rego" / "gov.rego").read_bytes()
ENTRY_PATH: Final = "gov/gov.rego"

ROOTS: Final = ("gov", "tenants")
"""One bundle a process, so it owns all tenants' packages that the process holds."""

SIGNING_KEY_ID: Final = "bundles"
"""``keys`` in OPA's configuration holds the verification key under this name."""

COMPRESSION: Final = 1
"""gzip level: loopback and one rack are fast; level 1 costs a third of level 6 for 15 % more bytes."""

_FURTHER: Final = re.compile(r"/\d+\.rego$")


@dataclass(frozen=True, slots=True)
class Contents:
    """What one bundle holds, without its revision: digests of what is loaded, by version."""

    digests: Mapping[VersionKey, str]

    @classmethod
    def of(cls, versions: Iterable[LoadableVersion]) -> "Contents":
        """The contents that hold these versions."""
        return cls({version.key: version.digest for version in versions})

    def name(self, signing_key: bytes) -> str:
        """Names the contents: 32 hex characters over paths, digests, entry point and key."""
        code = sha256(ENTRY_POINT + hmac.digest(signing_key, b"bundle contents", "sha256"))
        for path, digest in sorted((module_path(key), digest) for key, digest in self.digests.items()):
            code.update(f"\n{path} {digest}".encode())
        return code.hexdigest()[:32]


@lru_cache(maxsize=65_536)
def module_path(key: VersionKey) -> str:
    """Where a version's module lies in the bundle; one path per version whatever the tenant's name."""
    tenant, policy_id, version = key
    return f"tenants/t-{quote(tenant, safe='')}/{quote(policy_id, safe='')}/v{version}.rego"


def version_of(file: str) -> str:
    """The :func:`module_path` of the version that a module's file in the bundle belongs to."""
    return _FURTHER.sub(".rego", file)


def build(
    contents: Contents, loaded: Mapping[VersionKey, Loaded], revision: int, signing_key: bytes
) -> bytes:
    """The tar.gz of a bundle; ``signing_key`` empty leaves it unsigned. Raises KeyError without a version."""
    manifest = orjson.dumps({"revision": str(revision), "roots": ROOTS, "rego_version": 1})
    files = [_entry(".manifest", manifest), _entry(ENTRY_PATH, ENTRY_POINT)]
    documents: dict[Place, str] = {}
    for key in sorted(contents.digests):
        version = loaded[key]
        files += _modules(key, version)
        if version.data != NO_DATA:
            documents[loaded_package(*key)] = version.data
    if documents:
        # One document at the root: no tenant's name has to be a path.
        files.append(_entry("data.json", data_document(documents)))
    if signing_key:
        files.append(_entry(".signatures.json", _signatures(files, signing_key)))
    blocks = b"".join([*(file.blocks for file in files), bytes(2 * tarfile.BLOCKSIZE)])
    return gzip.compress(blocks, COMPRESSION, mtime=0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of the archive; ``blocks`` are its header and data as a tar holds them."""

    name: str
    data: bytes
    blocks: bytes


def _entry(name: str, data: bytes) -> _Entry:
    info = tarfile.TarInfo(f"/{name}")
    info.size = len(data)
    return _Entry(name, data, info.tobuf() + data + bytes(-len(data) % tarfile.BLOCKSIZE))


@lru_cache(maxsize=8_192)
def _modules(key: VersionKey, version: Loaded) -> tuple[_Entry, ...]:
    """Kept, because all but one version of a bundle were in the last one too."""
    path = module_path(key)
    further = (
        _entry(f"{path.removesuffix('.rego')}/{number}.rego", text.encode())
        for number, (_, text) in enumerate(version.modules)
    )
    return (_entry(path, version.module.encode()), *further)


def _signatures(files: Iterable[_Entry], signing_key: bytes) -> bytes:
    hashes = [
        {
            "name": file.name,
            "hash": sha256(_hashed(file.name, file.data)).hexdigest(),
            "algorithm": "SHA-256",
        }
        for file in files
    ]
    token = jwt.encode({"files": hashes}, signing_key, algorithm="HS256", headers={"kid": SIGNING_KEY_ID})
    return orjson.dumps({"signatures": [token]})


def _hashed(name: str, data: bytes) -> bytes:
    """JSON files are hashed in their canonical form: sorted keys, no spaces."""
    return data if name.endswith(".rego") else orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS)
