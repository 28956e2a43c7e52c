"""``governance demo``: the main job on real input, end to end, with its numbers read back.

register.py, register.yaml   real public models and what is known of them (README.md)
gates.py          the four example policies
inputs.py         rules that turn a model into a policy's input
scenario.py       which commands are sent, in which order; pure and seeded
records.py        commands as the records that go to Kafka
malformed/        what is broken on purpose, and the answer that each kind must get
servers.py        where the stack is
setup.py          creates and activates the policies
kafka.py          sends, and knows where the command topics end
rest.py           waits until everything is decided and in the wall
postgres.py, queries.py   read the primary database back
wall/             counts in the wall's database, and tries to change it
samples.py        examples, as the read API shows them
facts.py          everything that was found, and the checks on it; pure
shown.py, report.py, document.py   progress, the report for people, the same for programs
demonstration.py  one run on servers that work
run.py            the door: starts the stack, runs, reports, stops
errors.py         what can keep it from its report
"""
