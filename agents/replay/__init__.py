"""Replays that activations wait for: recorded decisions, decided again before a version may decide.

A process of its own, at low priority and with OPA processes of its own, so that long work never delays a
live decision. It writes to no table: what it finds out is a command with the engine's authentication code.
"""
