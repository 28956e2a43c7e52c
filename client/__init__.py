"""How to ask: the Python client of upstream services and the ``governance`` command line."""
