"""Bringing a primary database that was restored from an older backup up to its own published events."""
