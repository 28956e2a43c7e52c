"""Retention: ranges of the log whose time is over are exported, and pruned on two persons' word.

A range is one partition of the entries, a perfect subtree of the log. Its entries go; its hashes stay, and
with them every proof.
"""
