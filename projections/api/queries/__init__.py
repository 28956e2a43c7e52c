"""The SQL of the read API: one module per projection, rows turned into typed values.

No statement names a tenant: the session is held to one by row-level security.
"""
