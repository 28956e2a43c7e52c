"""Generated expressions, typed so that what they make compiles: numbers, texts, sets, conditions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

TEXTS = ('"admin"', '"dev"', '"é😀"', "`raw {x}`", '"data.gen \\u0061\\n# package b"', '""')

NUMBER_READS = ("input.n", 'object.get(input, "n", 3)', "count(input.roles)", "input.items[0].price")
TEXT_READS = ("input.user", 'object.get(input, "user", "nobody")', "input.roles[0]", "input.items[1].name")
SET_READS = (
    "{r | some r in input.roles}",
    "{k | some k, _ in input.tags}",
    "{i.name | some i in input.items}",
)
CONDITIONS = ("input.flag", "not input.flag", "input.user", '"admin" in input.roles', "is_object(input)")


@dataclass(slots=True)
class Names:
    """What earlier rules of a module offer to later ones."""

    numbers: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    """From a number to a number."""


class Expressions:
    """Writes expressions; ``refer`` says how a rule's name is spelt here."""

    def __init__(self, random: Random, names: Names, refer: Callable[[str], str]) -> None:
        self._random = random
        self._names = names
        self._refer = refer
        self._variables = 0

    def fresh(self) -> str:
        """A variable that the module does not have yet."""
        self._variables += 1
        return f"v{self._variables}"

    def number(self, depth: int = 2) -> str:
        """A number, perhaps undefined."""
        leaves = [str(self._random.randint(-3, 12)), self._random.choice(NUMBER_READS)]
        leaves += [self._refer(self._random.choice(self._names.numbers))] * 2 if self._names.numbers else []
        if depth == 0:
            return self._random.choice(leaves)
        one, other = self.number(depth - 1), self.number(depth - 1)
        item = self.fresh()
        made = [
            f"({one} {self._random.choice('+-*')} {other})",
            f"max([{one}, {other}])",
            f"abs({one})",
            f"count({self.set(depth - 1)})",
            f"sum([{item} | some {item} in input.tags; {item} > {one}])",
        ]
        if self._names.functions:
            made += [f"{self._refer(self._random.choice(self._names.functions))}({one})"] * 2
        return self._random.choice([*leaves, *made])

    def text(self, depth: int = 2) -> str:
        """A text, perhaps undefined."""
        leaves = [self._random.choice(TEXTS), self._random.choice(TEXT_READS)]
        leaves += [self._refer(self._random.choice(self._names.texts))] * 2 if self._names.texts else []
        if depth == 0:
            return self._random.choice(leaves)
        one, number = self.text(depth - 1), self.number(depth - 1)
        made = [
            f'sprintf("%v of %s", [{number}, {one}])',
            f'concat("/", [{one}, {self.text(0)}])',
            f"upper({one})",
            f"replace({one}, {self.text(0)}, {self.text(0)})",
            f'concat(",", sort({self.set(depth - 1)}))',
            self.template(depth - 1),
        ]
        return self._random.choice([*leaves, *made])

    def template(self, depth: int = 1) -> str:
        """A template string, quoted or raw and then over two lines."""
        parts = f"{{{self.number(depth)}}} é {{{self.text(0)}}}"
        return f'$"{parts} \\u0061"' if self._random.random() < 0.6 else f"$`{parts}\n  {{{self.text(0)}}}`"

    def set(self, depth: int = 2) -> str:
        """A set of texts."""
        leaves = [self._random.choice(SET_READS), f"{{{self.text(0)}, {self._random.choice(TEXTS)}}}"]
        leaves += [self._refer(self._random.choice(self._names.sets))] * 2 if self._names.sets else []
        if depth == 0:
            return self._random.choice(leaves)
        item = self.fresh()
        made = [
            f"({self.set(depth - 1)} {self._random.choice('|&-')} {self.set(depth - 1)})",
            f"{{{item} | some {item} in {self.set(depth - 1)}; {item} != {self.text(0)}}}",
        ]
        return self._random.choice([*leaves, *made])

    def condition(self, depth: int = 2) -> str:
        """One expression of a body."""
        leaves = [self._random.choice(CONDITIONS)]
        if self._names.conditions:
            named = self._refer(self._random.choice(self._names.conditions))
            leaves += [named, f"not {named}", f"{named} with input as {self._document()}"]
            leaves += [f"{named} with input.n as {self.number(0)} with input.flag as true"]
        if depth == 0:
            return self._random.choice(leaves)
        item, key = self.fresh(), self.fresh()
        made = [
            f"{self.number()} {self._random.choice(['<', '>=', '==', '!='])} {self.number()}",
            f"{self.text()} == {self.text()}",
            f"{self.text(1)} in {self.set()}",
            f"not {self.text(0)} in {self.set(1)}",
            f"every {item} in input.roles {{ {item} in {self.set(1)} }}",
            f"every {key}, {item} in input.tags {{ {item} > {self.number(0)}; {key} != {self.text(0)} }}",
            f"some {key}, {item} in input.items; {item}.price > {self.number(1)}; {key} < 2",
            f"startswith({self.text(1)}, {self.text(0)})",
        ]
        return self._random.choice([*leaves, *made])

    def body(self) -> str:
        """One to three expressions, on one line or on several."""
        parts = [self.condition() for _ in range(self._random.randint(1, 3))]
        return f"{{ {'; '.join(parts)} }}" if self._random.random() < 0.5 else _block(parts)

    def _document(self) -> str:
        return f'{{"n": {self.number(0)}, "flag": true, "roles": ["dev", {self.text(0)}], "user": "ann"}}'


def _block(parts: list[str]) -> str:
    inner = "".join(f"\n\t{part}" for part in parts)
    return f"{{{inner}\n}}"
