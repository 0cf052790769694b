"""Files as text, in the encodings in which spreadsheets, meters and exchanges write them. Pure."""
from __future__ import annotations

import codecs
import re

from server.errors import Refused

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")  # no text has these, whatever its encoding


_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # what JSON can escape, and no database stores


def is_storable(text: str) -> bool:
    """Return whether a database stores a text: JSON may have NUL and halves of characters in one."""
    return not _UNSTORABLE.search(text)


def decode(content: bytes, name: str) -> str:
    """Return a file's content without a byte order mark: UTF-8, UTF-16 with its mark, or Windows-1252.

    Refused (400), with the file's name, where it is none of them.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text
    raise Refused(400, f"{name}: this is not text in UTF-8, UTF-16 or Windows-1252")
