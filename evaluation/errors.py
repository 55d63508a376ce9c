"""One exception and one warning, each with a stable code, its data and its remedy.

In: a code of the message catalogue and the facts of the case. Out: a sentence in French or
English that names file, column, count and remedy. Must never hold a value of a person.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from evaluation.counts import DEFAULT_MIN_CELL, safe_text
from evaluation.wording import Language, catalogue, message

_QUOTES = str.maketrans("“”", '""')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes
    ----------
    code : str
        Stable code, for instance ``"EVAL-203"``; its sentences stand in ``wording/<lang>/*.toml``.
    data : dict
        What the sentences need: ``file``, ``column``, ``count``, ``examples`` (of codes, never of
        a person's values) and whatever the code declares.
    """

    code: str
    data: dict[str, Any] = field(default_factory=dict)

    def text(self, language: Language = "fr") -> str:
        """Return ``[code] what is wrong → what to do`` in ``language``."""
        what = message(f"{self.code}.what", language, **self.data)
        return f"[{self.code}] {what}\n  → {self._remedy(language)}"

    def _remedy(self, language: Language) -> str:
        """Return what to do; where no name is near, the allowed ones are listed, none proposed."""
        key = f"{self.code}.remedy"
        remedy = message(key, language, **self.data)
        names = str(self.data.get("nearest", ""))
        question = message("list.nearest", language, nearest=names)
        place = remedy.translate(_QUOTES).find(question)
        if ", " not in names or place < 0:
            return remedy
        # A remedy that lists the allowed names itself only loses its question.
        named = "{allowed}" in catalogue(language)[key]
        instead = "" if named else message("list.allowed", language, allowed=names)
        return (remedy[:place] + instead + remedy[place + len(question) :]).strip()


class EvaluationError(Exception):
    """A refusal with its reason and its remedy; carries every fault found, not only the first.

    Parameters
    ----------
    code : str
        Code of the (only) fault; use :meth:`of` for several.
    **data
        Facts of the fault, see :class:`Fault`.
    """

    def __init__(self, code: str, **data: Any) -> None:
        self.faults: tuple[Fault, ...] = (Fault(code, data),)
        self.language: Language = "fr"
        super().__init__(code)

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> EvaluationError:
        """Gather several faults into one error (at least one)."""
        gathered = tuple(faults)
        error = cls(gathered[0].code)
        error.faults = gathered
        return error

    @property
    def code(self) -> str:
        """Code of the first fault."""
        return self.faults[0].code

    def text(self, language: Language = "fr") -> str:
        """Return all faults, one paragraph each, in ``language``."""
        return "\n".join(fault.text(language) for fault in self.faults)

    def __str__(self) -> str:
        return self.text(self.language)

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook keeps of a refusal: the sentences, no frames, no small count."""
        return _without_small_counts(self.text(self.language), self.language).splitlines()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.faults, self.language))


def _rebuild(faults: tuple[Fault, ...], language: Language) -> EvaluationError:
    error = EvaluationError.of(faults)
    error.language = language
    return error


class EvaluationWarning(UserWarning):
    """Something the reader must know; same catalogue as :class:`EvaluationError`."""

    def __init__(self, code: str, facts: dict[str, Any] | None = None, /, **data: Any) -> None:
        self.fault = Fault(code, {**(facts or {}), **data})
        self.language: Language = "fr"
        super().__init__(code, self.fault.data)

    def __str__(self) -> str:
        # A notebook keeps what is printed: small counts stay in ``fault`` alone.
        return _without_small_counts(self.fault.text(self.language), self.language)


def _without_small_counts(text: str, language: Language) -> str:
    parts = re.split(r"(\[EVAL-\d{3}\])", text)
    return "".join(
        part if place % 2 else safe_text(part, min_cell=DEFAULT_MIN_CELL, language=language)
        for place, part in enumerate(parts)
    )


def refuse(faults: list[Fault]) -> None:
    """Raise one error with all ``faults``; do nothing when there are none."""
    if faults:
        raise EvaluationError.of(faults)


def fail(code: str, **data: Any) -> NoReturn:
    """Raise :class:`EvaluationError` for one fault."""
    raise EvaluationError(code, **data)


def warn(code: str, *, stacklevel: int = 2, **data: Any) -> Fault:
    """Emit an :class:`EvaluationWarning` and return its fault, so that results can carry it."""
    warning = EvaluationWarning(code, **data)
    warnings.warn(warning, stacklevel=stacklevel + 1)
    return warning.fault


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return the allowed name closest to ``name``, or the whole list when none is close.

    Examples
    --------
    >>> nearest("calliper", ["caliper", "ratio"])
    'caliper'
    """
    options = [str(option) for option in allowed]
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    return close[0] if close else ", ".join(options)
