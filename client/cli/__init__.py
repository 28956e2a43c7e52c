"""The ``governance`` command line."""
