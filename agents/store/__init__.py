"""The primary database, as agents use it."""
