"""The wall's read endpoint: a process of its own that holds the reader role only."""
