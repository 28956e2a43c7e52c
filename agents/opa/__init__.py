"""Asking OPA: the evaluation port, its adapter over HTTP and its fake."""
