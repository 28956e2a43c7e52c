"""The ratios as a picture: one bar a figure on a logarithmic scale, with its bounds. Pure.

Written as SVG by hand: a handful of rectangles does not deserve a plotting library.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import Final
from xml.etree import ElementTree

from bench.figures import Figure, Target

WIDTH: Final = 960
LABELS: Final = 330
"""Space for the names on the left; everything here is in pixels."""
RIGHT: Final = 90
ROW: Final = 46
BAR: Final = 20
TOP: Final = 64
BOTTOM: Final = 40

Scale = Callable[[float], float]
"""From a ratio to its place across the picture."""

_COLOURS: Final = {True: "#2e7d32", False: "#c62828", None: "#546e7a"}


def plot(figures: Sequence[Figure], caption: str) -> bytes:
    """The picture of at least one figure; ``caption`` says when and where it was measured."""
    marks = [mark for figure in figures for mark in _marks(figure)]
    low, high = floor(log10(min(marks))), ceil(log10(max(marks)))
    if low == high:
        high += 1

    def at(ratio: float) -> float:
        return LABELS + (log10(ratio) - low) / (high - low) * (WIDTH - LABELS - RIGHT)

    height = TOP + ROW * len(figures) + BOTTOM
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "font-family": "sans-serif",
            "font-size": "13",
        },
    )
    _add(svg, "rect", width="100%", height="100%", fill="white")
    _text(svg, 16, 24, "Ours over the reference of the same run", size="16")
    _text(svg, 16, 44, caption, fill="#555")
    for exponent in range(low, high + 1):
        _line(svg, at(10.0**exponent), TOP - 8, height - BOTTOM, "#ccc")
        _text(svg, at(10.0**exponent), height - BOTTOM + 18, f"{10.0**exponent:g}x", anchor="middle")
    for row, figure in enumerate(figures):
        _row(svg, figure, TOP + row * ROW, at)
    _text(svg, LABELS, height - 6, "grey line: the reference; | must; dotted: goal", fill="#555")
    drawn: bytes = ElementTree.tostring(svg, encoding="utf-8", xml_declaration=True)
    return drawn


def _row(svg: ElementTree.Element, figure: Figure, y: float, at: Scale) -> None:
    one, end = at(1), at(figure.ratio)
    _text(svg, LABELS - 12, y + 15, figure.name, anchor="end")
    bar = _add(
        svg,
        "rect",
        x=f"{min(one, end):.1f}",
        y=f"{y:.1f}",
        width=f"{max(abs(end - one), 1):.1f}",
        height=str(BAR),
        fill=_COLOURS[figure.met],
    )
    ElementTree.SubElement(bar, "title").text = figure.conditions
    _line(svg, one, y - 4, y + BAR + 4, "#777")
    _text(svg, max(one, end) + 6, y + 15, f"{figure.ratio:.3g}x")
    for target, dashes in ((figure.must, ""), (figure.goal, "3 3")):
        if target is not None:
            _line(svg, at(_as_ratio(figure, target)), y - 6, y + BAR + 6, "#000", dashes)


def _as_ratio(figure: Figure, target: Target) -> float:
    return target.bound if target.of == "ratio" else target.bound / figure.reference


def _marks(figure: Figure) -> list[float]:
    targets = [target for target in (figure.must, figure.goal) if target is not None]
    return [1.0, figure.ratio, *(_as_ratio(figure, target) for target in targets)]


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _line(
    svg: ElementTree.Element, x: float, top: float, bottom: float, colour: str, dashes: str = ""
) -> None:
    place = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": f"{top:.1f}", "y2": f"{bottom:.1f}"}
    ElementTree.SubElement(svg, "line", {**place, "stroke": colour, "stroke-dasharray": dashes or "none"})


def _text(
    svg: ElementTree.Element,
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    fill: str = "#111",
    size: str = "13",
) -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "fill": fill, "font-size": size}
    ElementTree.SubElement(svg, "text", place).text = text
