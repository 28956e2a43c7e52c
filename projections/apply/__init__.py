"""From events to what is known: pure folds, used by the agents as they write and by every replay."""
