"""What was probably meant by a name that does not exist. Pure."""
from __future__ import annotations

from collections.abc import Collection

_MOST = 3  # more would be a list to search through
_CUTOFF = 0.6  # of 1, as difflib counts: `evcharger` is 0.95 like `ev_charger`, `pv` 0.33 like `evse`


def similar(name: str, names: Collection[str]) -> list[str]:
    """Return the names that are most like this one, the most similar first.

    Case, `_`, `-` and blanks do not count. Names that differ in nothing else, or in a prefix, are alone.
    """
    plain = _plain(name)
    same = [candidate for candidate in names
            if plain in (_plain(candidate), _plain(candidate.rpartition(":")[2]))]
    if same:
        return same
    by_plain: dict[str, str] = {}
    for candidate in sorted(set(names)):
        by_plain.setdefault(_plain(candidate), candidate)
    import difflib  # for a slip alone
    matches = difflib.get_close_matches(plain, by_plain, _MOST, _CUTOFF)
    return [by_plain[match] for match in matches]


def meant(name: str, names: Collection[str]) -> str:
    """Return `; did you mean ev_charger?`, or nothing where no name is similar."""
    candidates = similar(name, names)
    return f"; did you mean {' or '.join(candidates)}?" if candidates else ""


def is_same(name: str, other: str) -> bool:
    """Return whether two names differ in case, `_`, `-` and blanks alone."""
    return _plain(name) == _plain(other)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
