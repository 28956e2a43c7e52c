"""What the engine does by itself, beside the lanes: timers, artifacts and overdue replays, by command.

One process with independent loops. It writes to no table: what it finds out becomes commands with the
engine's authentication code, whose ids follow from their cause, so that twice is once.
"""
