"""Lanes: exactly one outcome per command, gapless events, publication without holes.

intake.py       deliveries become batches
pipeline.py     prepare ahead, commit and publish strictly in order, acknowledge in order
patience.py     waiting out outages
solitude.py     a suspect runs with nothing beside it
lane.py         the lanes of a family: open and check, prepare, decide, publish, catch up
entries.py      what a batch is made of
batch.py        one batch, one transaction
fence.py        what is decided already is dropped, what was left out is asked for
deciding.py     the entries of one lane, in order
quarantine.py   what is kept, who waits behind it, what comes out again
journal.py      the events and inbox rows of one lane
drafting.py     event drafts become records with a sequence, a time and their final bytes
publication.py  one contiguous run per lane
handlers/       what a family decides
ports.py        what lanes need of Postgres and Kafka; memory.py and memory_log.py have them in memory
"""
