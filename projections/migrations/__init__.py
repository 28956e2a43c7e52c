"""Schema of the primary database; ``python -m projections.migrations`` brings a database up to it."""
