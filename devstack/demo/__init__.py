"""``governance demo``: the main job on real input, end to end, with its numbers read back.

register.py     real public models and what is known of them (register.yaml, README.md)
gates.py        the four example policies
inputs.py       rules that turn a model into a policy's input
scenario.py     which commands are sent, in which order; pure and seeded
records.py      commands as the records that go to Kafka
malformed.py    what is broken on purpose, and the answer it must get
setup.py        creates and activates the policies
kafka.py        sends
rest.py         waits until everything is decided and in the wall
postgres.py     reads both databases back, and tries to change the wall
facts.py        everything that was found, and the checks on it
report.py       for people and for programs
run.py          all of it
"""
