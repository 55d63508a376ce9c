"""The only door by which a number leaves the statistical rooms.

In: the unprotected record of a territory (figures, each with its supporting counts). Out: the same
figures thresholded, withheld in linked groups and rounded, and the audit list of what was decided.
Built as a whitelist: a key that is not known here never leaves. Must never see a row of a person,
write a file, or know how a figure is shown.
"""

from __future__ import annotations

from evaluation.counts import DEFAULT_MIN_CELL, safe_text
from evaluation.disclosure._audit import AUDIT_COLUMNS, audit
from evaluation.disclosure._headline import published_headline
from evaluation.disclosure._protect import protect
from evaluation.disclosure._support import Support, small

__all__ = [
    "AUDIT_COLUMNS",
    "DEFAULT_MIN_CELL",
    "Support",
    "audit",
    "protect",
    "published_headline",
    "safe_text",
    "small",
]
