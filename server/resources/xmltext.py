"""Text and attributes as XML has them, exactly as `xml.sax.saxutils` writes them.

That module loads http.client, ssl and email with it, which every command would pay for.
"""
from __future__ import annotations

import re
from collections.abc import Mapping

_NOTHING: Mapping[str, str] = {}
_is_special = re.compile('[&<>"\n\r\t]').search
_SPACES: Mapping[str, str] = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}  # else a reader sees spaces


def escape(text: str, entities: Mapping[str, str] = _NOTHING) -> str:
    """Return the text with &, < and > escaped, then what `entities` names."""
    text = text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")
    for character, entity in entities.items():
        text = text.replace(character, entity)
    return text


def quoteattr(text: str) -> str:
    """Return the value of an attribute in quotes: single ones where it has double ones alone."""
    if _is_special(text) is None:
        return f'"{text}"'
    text = escape(text, _SPACES)
    if '"' not in text:
        return f'"{text}"'
    return f"'{text}'" if "'" not in text else '"' + text.replace('"', "&quot;") + '"'
