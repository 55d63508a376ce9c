"""A few SVG primitives: text that escapes, numbers that are always written alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from data to pixels.

    Attributes
    ----------
    low, high : float
        Ends of the data.
    start, end : float
        Pixels of these ends.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        span = (self.high - self.low) or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def tag(name: str, content: object = "", **attributes: object) -> Markup:
    """Return one element; ``class_`` is ``class`` and ``_`` is ``-`` in names."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = content if isinstance(content, Markup) else escape(str(content))
    return Markup(f"<{name}{pairs}>{inner}</{name}>") if inner else Markup(f"<{name}{pairs}/>")


def text(x: float, y: float, content: str, class_: str = "tick", anchor: str = "start") -> Markup:
    """Return a text element."""
    return tag("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "grid") -> Markup:
    """Return a line element."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def points(pairs: Iterable[tuple[float, float]]) -> str:
    """Return the ``points`` attribute of a polyline."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def drawing(
    identifier: str, *, width: float, height: float, title: str, description: str,
    size: str, parts: Iterable[Markup],
) -> Markup:  # fmt: skip
    """Return one drawing with its text alternative; ``size`` is ``wide``, ``narrow`` or ``any``."""
    base = f"{identifier}-{size}"
    head = tag("title", title, id=f"{base}-t") + tag("desc", description, id=f"{base}-d")
    return tag(
        "svg",
        head + Markup("").join(parts),
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        role="img",
        aria_labelledby=f"{base}-t {base}-d",
        class_=f"chart {size}",
    )


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round tick values that cover ``low`` to ``high``."""
    span = max(high - low, 1e-9)
    step = next(
        unit * scale
        for scale in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
        for unit in (1, 2, 5)
        if span / (unit * scale) <= count
    )
    first, last = int(low // step), int(-(-high // step))
    return [round(step * i, 6) + 0.0 for i in range(first, last + 1)]


def shorten(label: str, length: int) -> str:
    """Return a label that fits a chart; the table beside it holds it whole."""
    return label if len(label) <= length else f"{label[: length - 1].rstrip()}…"


def label(x: float, y: float, content: str, length: int, anchor: str = "start") -> Markup:
    """Return a label on one line, or on two when it is longer than ``length``."""
    first, rest = _break(content, length)
    if not rest:
        return text(x, y, first, "tick d", anchor)
    upper = text(x, y - 8, first, "tick d", anchor)
    return upper + text(x, y + 9, shorten(rest, length), "tick d", anchor)


def _break(content: str, length: int) -> tuple[str, str]:
    """Return the words that fit a line, and the rest."""
    if len(content) <= length:
        return content, ""
    cut = content.rfind(" ", 0, length + 1)
    if cut <= 0:
        return shorten(content, length), ""
    return content[:cut], content[cut + 1 :]


def _plain(value: object) -> str:
    if isinstance(value, float):
        shown = f"{value:.1f}"
        return shown.removesuffix(".0") if shown != "-0.0" else "0"
    return str(value)
