"""Schema of the Audit Wall's database; ``python -m audit_sink.migrations`` brings a database up to it."""
