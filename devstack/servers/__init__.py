"""The servers of the stack: how each starts, how one sees that it works, and its settings."""
