"""Shows text from a notebook as it is and as nothing else: no control of the terminal, no markup, no turned letters."""

from __future__ import annotations

import unicodedata

__all__ = ["visible"]

# Control characters, and those that only turn, hide or join their neighbours.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with every character that is not seen written as its escape; new lines and tabs stay.

    >>> visible("red \\x1b[31m, a bell \\x07, and \\u202eturned")
    'red \\\\x1b[31m, a bell \\\\x07, and \\\\u202eturned'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in UNSEEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
