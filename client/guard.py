"""Gates a function by a policy."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from client.errors import Denied
from client.outcome import Verdict

P = ParamSpec("P")
T = TypeVar("T")
InputOf = Mapping[str, object] | Callable[..., Mapping[str, object]]
"""A policy's input, or what makes it from the guarded function's arguments."""

ResourceOf = str | Callable[..., str]
"""A resource's name, or what makes it from the guarded function's arguments."""


class Gate(Protocol):
    """A decorator that keeps the signature of an async function."""

    def __call__(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """The function behind its policy."""


class Evaluation(Protocol):
    """What :meth:`client.governance.GovernanceClient.evaluate` is to a guard."""

    async def __call__(
        self,
        policy: str,
        input: Mapping[str, object] | bytes,  # noqa: A002
        *,
        resource: str,
        timeout: float,
        fallback: Literal["allow", "deny"] | None,
    ) -> Verdict:
        """The verdict on one input."""


def guard(
    evaluate: Evaluation,
    policy: str,
    input_of: InputOf | None,
    resource: ResourceOf,
    timeout: float,
    fallback: Literal["allow", "deny"] | None,
) -> Gate:
    """A decorator for async functions: asks the policy, then calls the function or raises :class:`Denied`.

    The input is ``input_of``, or what it makes of the arguments, or else the arguments by name (they
    must be JSON values). An advisory policy never stops the call. Errors of the evaluation
    reach the caller, so that a gate that cannot ask stays shut, unless a fallback says otherwise.
    """

    def gate(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        async def gated(*args: P.args, **kwargs: P.kwargs) -> T:
            verdict = await evaluate(
                policy,
                input_from(input_of, signature, *args, **kwargs),
                resource=resource(*args, **kwargs) if callable(resource) else resource,
                timeout=timeout,
                fallback=fallback,
            )
            if verdict.blocks:
                raise Denied(verdict)
            return await function(*args, **kwargs)

        return gated

    return gate


def input_from(
    input_of: InputOf | None, signature: inspect.Signature, *args: object, **kwargs: object
) -> Mapping[str, object]:
    """The input that a guarded call asks about."""
    if isinstance(input_of, Mapping):
        return input_of
    if input_of is not None:
        return input_of(*args, **kwargs)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return {name: value for name, value in bound.arguments.items() if name not in ("self", "cls")}
