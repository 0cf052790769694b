"""Devices by their labels, which are JSON in a column of the database."""
from __future__ import annotations

from peewee import SQL, NodeList

from server.errors import Refused
from server.models import Device, is_postgres
from server.resources import namehints, sql


def condition(label: str, value: str) -> NodeList:
    """Return the condition that a device has this value of a label, for a query of peewee.

    Refused (404) where no device has the label, with what was probably meant.
    """
    begin, end = _pairs()
    mark = "%s" if is_postgres() else "?"
    is_it = SQL(f"{end} WHERE pair.key = {mark} AND pair.value = {mark})", (label, value))
    found = NodeList((SQL(f"EXISTS (SELECT 1 FROM {begin}"), Device.labels, is_it), glue="")
    if not Device.select().where(found).exists():
        _check_label(label)
    return found


def _check_label(label: str) -> None:
    begin, end = _pairs()
    labels = [name for name, in sql.rows(
        f"SELECT DISTINCT pair.key FROM device, {begin}labels{end} ORDER BY pair.key")]
    if label not in labels:
        raise Refused(404, f"no device has a label {label!r}{namehints.meant(label, labels)}")


def _pairs() -> tuple[str, str]:
    """Return the SQL before and after the column of labels that makes rows `pair` of them."""
    return ("json_each_text(", "::json) AS pair") if is_postgres() else ("json_each(", ") AS pair")
