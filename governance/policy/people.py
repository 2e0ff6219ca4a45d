"""Names of people in policy files, compared as a reader of the file would: what looks alike is one name.

Letters of different alphabets that look alike are not told apart here: whoever reviews the file sees who changed it.
"""

import unicodedata
from typing import Final

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK: Final = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)))
)
"""Signs that are no format characters and show nothing all the same: fillers, joiners, selectors of variants."""


def seen(text: str) -> str:
    """What a reader tells one text from another by; empty where nothing is to be seen.

    Compatible forms are one (NFKC: full-width A is A), signs that show nothing are left out, letters are folded, and
    spaces count once and not at the ends.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    shown = (sign for sign in folded if sign.isspace() or _is_shown(sign))
    return " ".join(unicodedata.normalize("NFKC", "".join(shown)).split())


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in _INVISIBLE and sign not in _BLANK and not 0xE0100 <= ord(sign) <= 0xE01EF  # noqa: PLR2004 - selectors of variants
