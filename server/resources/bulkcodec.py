"""Documents of one kind, many at once, as `codec` writes and validates them one by one.

Those of an order differ in few elements: what a document has in common with the one before is copied. They
are parsed and validated together, as the items of a list.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from server.errors import Refused
from server.resources import codec, ranges, schema, validation
from server.resources.codec import Output
from server.resources.schema import SEP, FieldSpec
from server.resources.variants import Variant

Data = dict[str, Any]
_DECLARATION = b" xmlns"  # in the fragments that have elements of other namespaces, or an xsi:type
_LONGEST = 4096  # bytes of a fragment that has no text which is too long for `foreign.check_limits`


# --- writing --------------------------------------------------------------------------------------

class _Written(NamedTuple):
    """An element or attribute as it was last written: its value, its text, and what it made of the output's
    marks."""
    value: Any
    text: str
    specific: bool
    csipaus: bool


class Writer:
    """Writes fragments of documents of one kind, whose data is not changed in between."""

    def __init__(self, name: str):
        self.name, self.spec = name, schema.type_spec(name)
        self._is_plain = schema.foreign_name(name) is None
        self._keys: tuple[str, ...] | None = None
        self._fields: list[FieldSpec] | None = None
        self._written: dict[Variant, dict[str, _Written]] = defaultdict(dict)

    def written(self, data: Data, variant: Variant) -> tuple[bytes, bool]:
        """Return what `codec.written` returns."""
        keys = tuple(data)
        if keys != self._keys:
            self._keys, self._fields = keys, self._parts(keys) if self._is_plain else None
        if self._fields is None or variant.draft:
            return codec.written(self.name, data, variant)
        return self._fragment(data, self._fields, variant)

    def _parts(self, keys: Sequence[str]) -> list[FieldSpec] | None:
        """Return the attributes with these keys, then the elements, each in order; None where there are
        others beside."""
        attributes = [field for field in self.spec.attributes if field.key in keys]
        elements = [field for field in self.spec.elements if field.key in keys]
        return [*attributes, *elements] if len(attributes) + len(elements) == len(keys) else None

    def _fragment(self, data: Data, fields: Sequence[FieldSpec], variant: Variant) -> tuple[bytes, bool]:
        written, texts, opened = self._written[variant], [], False
        specific = csipaus = False
        for field in fields:
            if not opened and not field.attribute:
                texts.append(">")
                opened = True
            value = data[field.key]
            last = written.get(field.key)
            if last is None or last.value != value:
                last = written[field.key] = self._write(field, value, data, variant)
            texts.append(last.text)
            specific |= last.specific
            csipaus |= last.csipaus
        return "".join((codec.DECLARED if csipaus else "", *texts, "" if opened else ">")).encode(), specific

    def _write(self, field: FieldSpec, value: Any, data: Data, variant: Variant) -> _Written:
        out = Output(variant)
        if field.attribute:
            codec.write_attribute(out, field, data)
        elif value is not None and out.accepts(field):
            for occurrence in value if field.many else (value,):
                codec.write_value(out, field, occurrence, data, f"{self.name}/{field.key}")
        return _Written(value, "".join(out), out.specific, out.csipaus)


# --- validating -----------------------------------------------------------------------------------

def check_all(name: str, fragments: Sequence[bytes]) -> None:
    """Validate documents (their fragments) that were made from an operator's data, as `codec.check` does.
    Refused (400)."""
    if len(fragments) < 2 or not schema.is_element(f"{name}List") or not _are_valid(name, fragments):
        for fragment in fragments:
            codec.check(name, fragment)


def _are_valid(name: str, fragments: Sequence[bytes]) -> bool:
    """Return whether documents are valid for certain."""
    if any(_DECLARATION in fragment or len(fragment) > _LONGEST for fragment in fragments):
        return False
    tag, count = name.encode(), len(fragments)
    items = b"".join(b"<%s%s</%s>" % (tag, fragment, tag) for fragment in fragments)
    body = b'<%sList xmlns="%s" all="%d" results="%d">%s</%sList>' % (
        tag, SEP.encode(), count, count, items, tag)
    try:
        root = validation.check(body, limited=True)
        for item in root:
            ranges.check_all(item, schema.type_spec(name))
    except Refused:
        return False
    return len(root) == count
