"""Policies as source: what may be submitted, and what becomes of it.

RegoError
└── CheckUnavailable    the OPA binary cannot be run; nothing is known about the policy
"""


class RegoError(Exception):
    """Root of the errors of :mod:`rego`."""


class CheckUnavailable(RegoError):
    """The OPA binary is missing or does not run; the caller treats this as an outage."""
