"""The Jinja environment: autoescape on, undefined names refused, own style and script inlined."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **context: Any) -> str:
    """Return a page; its text ends with one newline and has no trailing blanks."""
    text = (
        _environment()
        .get_template(template)
        .render(style=_asset("theme.css") + _asset("page.css"), script=_asset("page.js"), **context)
    )
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("evaluation.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> Markup:
    file = files("evaluation.reporting") / "templates" / name
    return Markup(file.read_text("utf-8"))  # our own file, no data in it
