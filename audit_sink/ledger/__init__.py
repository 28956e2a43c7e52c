"""The log's formats and proofs, as outsiders know them: RFC 9162 and C2SP. Pure; no clock, no I/O."""
