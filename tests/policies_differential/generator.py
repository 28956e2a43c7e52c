"""Generated modules: small policies over the documented idioms, one for each seed. Deterministic."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

from tests.policies_differential.cases import Case
from tests.policies_differential.expressions import Expressions, Names

GENERATED: Final = 180
"""Modules; with the written ones far over 300 are compared, in some 15 seconds on two cores."""

_LANGUAGE: Final = ("", "", "import rego.v1", "import future.keywords", "import future.keywords.in")


class _Author:
    """Writes one module; a rule uses only those written before it, so that nothing is recursive."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._package = self._choose_package()
        self._imports: dict[str, str] = {}
        self._names = Names()
        self._write = Expressions(self._random, self._names, self._refer)

    def module(self) -> str:
        """The module's text."""
        kinds = (self._number, self._text, self._set, self._condition, self._function, self._object)
        rules = [self._random.choice(kinds)(f"r{index}") for index in range(self._random.randint(3, 7))]
        rules += self._random.choice((self._allow, self._allow, self._decision, self._dotted))()
        language = self._random.choice(_LANGUAGE)
        text = "\n\n".join(rules)
        used = [line for alias, line in sorted(self._imports.items()) if re.search(rf"\b{alias}\b", text)]
        imports = [language, *used]
        comment = self._random.choice(("", f"# data.{self._printed()}\n", "# é😀 package b\n"))
        return f"{comment}package {self._printed()}\n\n" + "\n".join(imports) + f"\n\n{text}"

    def inputs(self) -> tuple[object, ...]:
        """A full document, two that lack something, and one that is no object at times."""
        full: dict[str, object] = {
            "n": self._random.randint(-2, 12),
            "user": self._random.choice(["ann", "admin", "é😀"]),
            "flag": self._random.random() < 0.7,
            "roles": self._random.sample(["admin", "dev", "ops", "é😀"], self._random.randint(0, 3)),
            "tags": {name: self._random.randint(-2, 9) for name in ("a", "b")},
            "items": [{"name": name, "price": self._random.randint(0, 9)} for name in ("x", "dev")],
        }
        sparse = {name: value for name, value in full.items() if self._random.random() < 0.6}
        return (full, {**full, "n": 5, "flag": True}, sparse, self._random.choice([{}, [], 7, "text"]))

    def _choose_package(self) -> tuple[str, ...]:
        own = f"m{self._seed}"
        return self._random.choice(
            [
                ("gen", own),
                ("gen", own, "a", "b"),
                ("gen", own, "a b", "c"),
                ("gen", own, "é😀"),
                (f"g{own}",),
            ]
        )

    def _printed(self) -> str:
        first, *rest = self._package
        return first + "".join(
            f".{name}" if name.isalnum() and name.isascii() else f'["{name}"]' for name in rest
        )

    def _quoted(self) -> str:
        return "".join(f'["{name}"]' for name in self._package)

    def _one_of(self, *kinds: Callable[[], str]) -> str:
        return self._random.choice(kinds)()

    def _refer(self, name: str) -> str:
        """The name itself most of the time, else its full path or an import."""
        kind = self._random.randint(0, 9)
        if kind == 0:
            return f"data.{self._printed()}.{name}"
        if kind == 1:
            return f'data{self._quoted()}["{name}"]'
        if kind == 2:
            self._imports["me"] = f"import data.{self._printed()} as me"
            return f"me.{name}"
        if kind == 3:
            alias = f"own_{name.replace('.', '_')}"
            self._imports[alias] = f"import data.{self._printed()}.{name} as {alias}"
            return alias
        return name

    def _number(self, name: str) -> str:
        write = self._write
        rule = self._one_of(
            lambda: f"{name} := {write.number()}",
            lambda: f"default {name} := 4\n\n{name} := {write.number()} if {write.body()}",
            lambda: f"{name} := 1 if {write.body()} else := {write.number()} if {write.body()} else := 3",
        )
        self._names.numbers.append(name)
        return rule

    def _text(self, name: str) -> str:
        rule = f"{name} := {self._one_of(self._write.text, self._write.template)}"
        self._names.texts.append(name)
        return rule

    def _set(self, name: str) -> str:
        write, item = self._write, self._write.fresh()
        rule = self._one_of(
            lambda: f"{name} := {write.set()}",
            lambda: f"{name} contains {write.text()} if {write.body()}\n\n{name} contains {write.text(1)}",
            lambda: f"{name} contains {item} if {{ some {item} in {write.set(1)}; {write.condition()} }}",
        )
        self._names.sets.append(name)
        return rule

    def _condition(self, name: str) -> str:
        rule = f"{name} if {self._write.body()}"
        if self._random.random() < 0.5:
            rule = f"default {name} := false\n\n{rule}\n\n{name} if {self._write.body()}"
        self._names.conditions.append(name)
        return rule

    def _function(self, name: str) -> str:
        write = self._write
        rule = self._one_of(
            lambda: f"{name}(x) := x + {write.number(1)}",
            lambda: f"default {name}(_) := 2\n\n{name}(x) := x * 2 if x > {write.number(1)}",
            lambda: f"{name}(x) := 0 if {{ x < 0 }} else := {write.number(1)} if {{ x > 4 }} else := x",
            lambda: f"{name}(x) := y if {{ y := [x, {write.number(1)}][_]; y >= x }} else := x",
        )
        self._names.functions.append(name)
        return rule

    def _object(self, name: str) -> str:
        write, key, item = self._write, self._write.fresh(), self._write.fresh()
        pairs = f"some {key}, {item} in input.tags"
        rule = self._one_of(
            lambda: f"{name}[{key}] := {item} if {{ {pairs}; {write.condition()} }}",
            lambda: f"{name}[{key}].size := {item} + {write.number(1)} if {pairs}",
            lambda: f"{name}[{item}] contains {key} if {pairs}",
            lambda: f"{name} := {{{key}: {write.text(1)} | {pairs}}}",
            lambda: f"{name}[{write.text(0)}] := {write.number(1)}",
        )
        if " := {" in rule:
            self._names.texts.append(f"{name}.a")
            return rule
        self._names.numbers.append(f"{name}.a.size" if ".size" in rule else f"{name}.a")
        return rule if ".size" in rule or "contains" not in rule else self._counted(name, rule)

    def _counted(self, name: str, rule: str) -> str:
        self._names.numbers[-1] = f"n_{name}"
        return f"{rule}\n\nn_{name} := count({name})"

    def _allow(self) -> list[str]:
        rules = ["default allow := false"] if self._random.random() < 0.7 else []
        rules += [f"allow if {self._write.body()}" for _ in range(self._random.randint(1, 2))]
        violations = self._one_of(
            lambda: f"violations contains {self._write.text()} if {self._write.body()}",
            lambda: f"violations contains {self._write.template()}",
            lambda: f"violations := [x | some x in {self._write.set()}]",
            lambda: "",
        )
        return [*rules, violations]

    def _decision(self) -> list[str]:
        fields = f'"n": {self._write.number()}, "t": {self._write.text()}, "s": {self._write.set()}'
        rules = [f'decision := {{"allow": true, {fields}}} if {self._write.body()}']
        return [*rules, 'default decision := {"allow": false}'] if self._random.random() < 0.6 else rules

    def _dotted(self) -> list[str]:
        return [
            f"default decision_allow := false\n\ndecision_allow if {self._write.body()}",
            "decision.allow := decision_allow",
            f"decision.violations contains {self._write.text()} if {self._write.body()}",
            f"decision.n.value := {self._write.number()}",
        ]


def generated() -> list[Case]:
    """Every generated case."""
    return [_case(seed) for seed in range(GENERATED)]


def _case(seed: int) -> Case:
    author = _Author(seed)
    return Case(f"generated: {seed}", author.module() + "\n", author.inputs())
