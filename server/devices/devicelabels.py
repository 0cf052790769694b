"""Devices by their labels, which are JSON in a column of the database."""
from __future__ import annotations

import re
from collections.abc import Mapping

from peewee import SQL, NodeList

from server.errors import Refused
from server.models import Device, is_postgres
from server.resources import namehints, sql

COORDINATES: Mapping[str, float] = {"lat": 90.0, "lon": 180.0}
"""The labels that say where a device is, in degrees (WGS 84), and how far they go."""
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,12})?")


def check(labels: Mapping[str, str | None]) -> None:
    """Refuse (400) coordinates that are none; None removes a label."""
    for name, most in COORDINATES.items():
        value = labels.get(name)
        if value is not None and not (_DEGREES.fullmatch(value) and abs(float(value)) <= most):
            raise Refused(400, f"label {name}={value!r}: it says where the device is, in degrees from "
                               f"-{most:g} to {most:g}, such as {name}=48.2082")


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
