"""What pydantic finds wrong in a study file, as faults whose wording needs no translation.

In: one item of a ``ValidationError``. Out: a :class:`Fault` that names the key, shows the value as
TOML would and says what is allowed. Must know no parameter by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from evaluation.errors import Fault, nearest

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "n ≥", "max_length": "n ≤"}
_KINDS = {
    "int": "1, 2, 3 …", "float": "0.2", "decimal": "0.2", "bool": "true | false",
    "string": '"…"', "tuple": "[…, …]", "date": "2023-12-31",
}  # fmt: skip
_LONGEST = 120


def as_fault(item: Mapping[str, Any], file: str) -> Fault:
    """Return the fault of one finding: EVAL-104 illegal, EVAL-105 missing, EVAL-108 misspelt."""
    key = ".".join(str(part) for part in item["loc"] if not isinstance(part, int))
    if item["type"] == "missing":
        return Fault("EVAL-105", {"file": file, "key": key})
    value, allowed = item["input"], _allowed(item)
    if item["type"] == "value_error" and isinstance(value, Mapping):
        # A rule of a whole section begins with the key that it holds to.
        name = re.split(r"\W", allowed, maxsplit=1)[0]
        key, value = f"{key}.{name}", value.get(name, "")
    data: dict[str, Any] = {"file": file, "key": key, "value": _shown(value), "allowed": allowed}
    if item["type"] == "literal_error":
        data["allowed"] = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        close = nearest(str(value), data["allowed"].split(", "))
        if "," not in close:
            return Fault("EVAL-108", {**data, "nearest": close})
    return Fault("EVAL-104", data)


def _shown(value: Any) -> str:
    """Return a value as the file writes it; a long one is cut."""
    if isinstance(value, (list, tuple, bool, Mapping)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _allowed(item: Mapping[str, Any]) -> str:
    context = item.get("ctx", {})
    bounds = [f"{sign} {context[name]}" for name, sign in _BOUNDS.items() if name in context]
    if bounds:
        return " ".join(bounds)
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    if "pattern" in context:
        return str(context["pattern"])
    return _KINDS.get(str(item["type"]).split("_")[0], str(item["type"]))
