"""How fast it is: every figure beside its reference, from one run on one machine.

`python -m bench` measures everything, `python -m bench whole-path | latency | wall-append` one part.
docs/performance.md says how each figure is measured and what it must reach.
"""
