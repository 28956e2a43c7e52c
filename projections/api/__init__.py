"""The read API: what is known, over HTTP, GET only (``python -m projections.api``)."""
