"""HexBinary values: compared in one form, served in the form in which they were submitted.

Clients write mRIDs and LFDIs in lower case or without leading zero bytes, and bitmaps as short as they like.
Data has the comparable form (upper case, full width). A submitted form that differs is kept beside it:

    {"modesSupported": "00000003", "hex:submitted": {"modesSupported": "03"}}

It is ignored once the value has changed, so code that changes a value need not remove it.
"""
from __future__ import annotations

from typing import Any

from server.resources.schema import SUBMITTED, hexadecimal

Data = dict[str, Any]


def record(owner: Data, key: str, value: str, text: str) -> None:
    """Keep the submitted form of owner[key] where it differs from the value."""
    if text.strip() != value:
        owner.setdefault(SUBMITTED, {})[key] = text.strip()


def served(owner: Data, key: str, value: str) -> str:
    """Return the form in which owner[key] is served; `value` is its comparable form."""
    text = owner[SUBMITTED].get(key) if SUBMITTED in owner else None
    return str(text) if text is not None and hexadecimal(text, len(value)) == value else value


def copied(owner: Data, key: str, to: str) -> Data:
    """Return owner[key] under another key, with its submitted form."""
    form = owner.get(SUBMITTED, {}).get(key)
    return {to: owner[key], **({} if form is None else {SUBMITTED: {to: form}})}


def bits(bitmap: str | None) -> int:
    """Return the bits of a bitmap; none are set where there is no bitmap."""
    return int(bitmap or "0", 16)


def comparable(data: Any) -> Any:
    """Return data without the submitted forms, so that equal values compare equal."""
    if isinstance(data, list):
        return [comparable(item) for item in data]
    if isinstance(data, dict):
        return {key: comparable(value) for key, value in data.items() if key != SUBMITTED}
    return data
