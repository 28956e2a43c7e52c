"""What a family decides: the impure half (reading, asking) around :mod:`agents.decisions`."""
