"""The client for programs without an event loop; the loop runs in a thread of its own.

::

    with BlockingClient.connect("localhost:9092", tenant="acme", actor="svc-mlops") as gov:
        verdict = gov.evaluate("model-promotion-gate", {"model": "m-17"})
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, ParamSpec, Protocol, Self, TypeVar, Unpack, overload

from anyio.from_thread import BlockingPortal, start_blocking_portal

from client.broker import Broker
from client.bucket import Bucket
from client.command import Registry
from client.earliest import Outcomes
from client.errors import Denied
from client.evidence import EvidenceOptions
from client.governance import EVALUATE_TIMEOUT_S, CallOptions, Fallback, GovernanceClient
from client.guard import InputOf, ResourceOf, input_from
from client.outcome import Accepted, Decided, Receipt, SignedReceipt, Until, Verdict
from schemas.models import Command

P = ParamSpec("P")
T = TypeVar("T")


class BlockingGate(Protocol):
    """A decorator that keeps the signature of a function."""

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """The function behind its policy."""


class BlockingClient:
    """:class:`client.governance.GovernanceClient`, blocking; may be shared between threads."""

    def __init__(self, portal: BlockingPortal, client: GovernanceClient) -> None:
        self._portal = portal
        self._client = client

    @classmethod
    @contextmanager
    def connect(
        cls,
        bootstrap: str | Broker,
        tenant: str,
        actor: str,
        *,
        source: str = "",
        engine_key: bytes | None = None,
        outcomes: Outcomes | None = None,
        registry: Registry | None = None,
        bucket: Bucket | None = None,
    ) -> Iterator[Self]:
        """As :meth:`GovernanceClient.connect`."""
        connection = GovernanceClient.connect(
            bootstrap,
            tenant,
            actor,
            source=source,
            outcomes=outcomes,
            engine_key=engine_key,
            registry=registry,
            bucket=bucket,
        )
        with cls.over(connection) as client:
            yield client

    @classmethod
    @contextmanager
    def over(cls, connection: AbstractAsyncContextManager[GovernanceClient]) -> Iterator[Self]:
        """A blocking client over any connection of the asynchronous one."""
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(connection) as client,
        ):
            yield cls(portal, client)

    def evaluate(
        self,
        policy: str,
        input: Mapping[str, object] | bytes,  # noqa: A002 - OPA's own word
        *,
        resource: str = "",
        decision_point: str = "",
        fallback: Fallback | None = None,
        **options: Unpack[CallOptions],
    ) -> Verdict:
        """As :meth:`GovernanceClient.evaluate`."""
        call = partial(
            self._client.evaluate,
            policy,
            input,
            resource=resource,
            decision_point=decision_point,
            fallback=fallback,
            **options,
        )
        return self._portal.call(call)

    def decide(
        self,
        decision_point: str,
        input: Mapping[str, object] | bytes,  # noqa: A002 - OPA's own word
        *,
        resource: str = "",
        fallback: Fallback | None = None,
        **options: Unpack[CallOptions],
    ) -> Verdict:
        """As :meth:`GovernanceClient.decide`."""
        call = partial(
            self._client.decide, decision_point, input, resource=resource, fallback=fallback, **options
        )
        return self._portal.call(call)

    def override(
        self, decision_id: str, resource: str, reason: str, **options: Unpack[CallOptions]
    ) -> Decided:
        """As :meth:`GovernanceClient.override`."""
        return self._portal.call(partial(self._client.override, decision_id, resource, reason, **options))

    @overload
    def submit(
        self, command: Command, until: Literal["accepted"], **options: Unpack[CallOptions]
    ) -> Accepted: ...

    @overload
    def submit(
        self, command: Command, until: Literal["decided"] = ..., **options: Unpack[CallOptions]
    ) -> Decided: ...

    @overload
    def submit(
        self, command: Command, until: Literal["audited"], **options: Unpack[CallOptions]
    ) -> Receipt: ...

    @overload
    def submit(
        self, command: Command, until: Literal["checkpointed"], **options: Unpack[CallOptions]
    ) -> SignedReceipt: ...

    def submit(
        self, command: Command, until: Until = "decided", **options: Unpack[CallOptions]
    ) -> Accepted | Decided | Receipt | SignedReceipt:
        """As :meth:`GovernanceClient.submit`."""
        return self._portal.call(partial(self._client.submit, command, until, **options))

    def submit_evidence(
        self, path: Path | str, until: Until = "decided", **about: Unpack[EvidenceOptions]
    ) -> Accepted | Decided | Receipt | SignedReceipt:
        """As :meth:`GovernanceClient.submit_evidence`."""
        return self._portal.call(partial(self._client.submit_evidence, path, until, **about))

    def guard(
        self,
        policy: str,
        *,
        input: InputOf | None = None,  # noqa: A002 - OPA's own word
        resource: ResourceOf = "",
        timeout: float = EVALUATE_TIMEOUT_S,
        fallback: Fallback | None = None,
    ) -> BlockingGate:
        """As :meth:`GovernanceClient.guard`, for plain functions."""

        def gate(function: Callable[P, T]) -> Callable[P, T]:
            signature = inspect.signature(function)

            @functools.wraps(function)
            def gated(*args: P.args, **kwargs: P.kwargs) -> T:
                verdict = self.evaluate(
                    policy,
                    input_from(input, signature, *args, **kwargs),
                    resource=resource(*args, **kwargs) if callable(resource) else resource,
                    timeout=timeout,
                    fallback=fallback,
                )
                if verdict.blocks:
                    raise Denied(verdict)
                return function(*args, **kwargs)

            return gated

        return gate
