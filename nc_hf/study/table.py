"""How a results table names what belongs to a value: its error, a half of the text, the second corpus."""

from __future__ import annotations

STDERR = "_stderr"
"""Behind the name of a value: its standard error."""

HALVES = ("_half_1", "_half_2")
"""Behind the name of a value: the same of one of two disjoint halves of the validation text."""

OTHER_TEXT = "ood_"
"""Before the name of a value: the same on the second corpus."""
