"""What is said: topics, Avro schemas, envelope, codec, identities and the canonical event leaf.

Everything in this package is pure (no network, no clock) but for :mod:`schemas.confluent`, which
resolves Confluent schema ids over HTTP.
"""
