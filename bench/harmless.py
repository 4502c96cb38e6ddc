"""Text from anybody's records, data and adapters, made harmless for those who read it."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["for_spreadsheet", "for_terminal"]

# Control characters but for tab and line feed, and those that change the direction in which a line is shown.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def for_terminal(text: str) -> str:
    r"""`text` without the characters that move a terminal's cursor, colour it, or turn lines around.

    Examples
    --------
    >>> for_terminal("a\x1b[2Jb")
    'a[2Jb'
    """
    return _STEERING.sub("", text)


def for_spreadsheet(value: Any) -> Any:
    """`value`, with an apostrophe before text that a spreadsheet would take for a formula; numbers stay as they are.

    Examples
    --------
    >>> for_spreadsheet("=1+1"), for_spreadsheet("k-means"), for_spreadsheet(-0.5)
    ("'=1+1", 'k-means', -0.5)

    References
    ----------
    OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
