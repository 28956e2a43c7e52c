"""Deciding on recorded inputs once more, with any version, in OPA processes of its own.

No live decision waits for it: the processes are started for one replay and ended with it.
"""
