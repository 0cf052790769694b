"""ETag and If-Match: somebody who changes a thing has seen it as it is.

The thing of an operation is what is got at its path, or at the nearest above: that of
`POST /devices/{device}/suspend` is `GET /devices/{device}`. Its ETag is a hash of what operators decide of
it: what devices report and time brings changes none.
"""
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from server.api import lists, values
from server.api.routes import Route, routes
from server.errors import Refused

HEADER, IF_MATCH = "ETag", "If-Match"
MOST_CHARACTERS = 8192  # of an If-Match; what is longer is none
_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')
# What devices report, or time brings, by the keys of results.
REPORTED = frozenset((
    "last_contact_at", "ders", "says", "DERCapability", "DERSettings", "DERStatus", "DERAvailability",
    "reported_in_words", "capability", "orders", "answers", "devices_read", "devices_read_var", "delivered_w",
    "delivered_var", "expected_w", "expected_var", "performance", "up", "down", "readings_left_out",
    "response_rate", "non_responding_since", "told", "untold", "published", "published_until_at", "progress",
    "may_load", "jump_s", "time", "warnings", "xml"))


@lru_cache(maxsize=1)
def _things() -> dict[str, Route]:
    """What can be got by its path alone, by that."""
    return {route.path: route for route in routes().values()
            if route.method == "GET" and not route.written and not lists.is_declared(route.operation.result)
            and not any(argument.required for argument in route.others)}


def thing(route: Route) -> Route | None:
    """Return the route by which the thing of a route is got; None where it has none."""
    path = route.path
    while path:
        if path in _things():
            return _things()[path]
        path = path.rpartition("/")[0]
    return None


def is_tagged(route: Route, given: Mapping[str, Any]) -> bool:
    """Return whether an answer has an ETag: that to a GET of a thing as it is."""
    return route.path in _things() and route is _things()[route.path] and (
        given.keys() <= {argument.name for argument in route.in_path})


def tag(document: Any) -> str:
    """Return the ETag of a thing as it is answered."""
    decided = document
    if isinstance(document, dict):
        decided = {key: value for key, value in document.items()
                   if key not in REPORTED or key == "xml" and "kind" in document}
    text = json.dumps(decided, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check(route: Route, given: Mapping[str, Any], if_match: str) -> None:
    """Refuse (412) where the thing of a route is none of the ETags of an If-Match; what is asked of it goes
    into `given`."""
    of = thing(route)
    if of is None:
        raise Refused(412, f"{IF_MATCH}: there is nothing here whose ETag could be known. Leave it out")
    now = present(of, given)
    if if_match.strip() == "*":
        return
    if_match = if_match if len(if_match) <= MOST_CHARACTERS else ""
    tags = [(bool(weak), text) for weak, text in _TAG.findall(if_match)]
    if (False, now) not in tags:
        raise Refused(412, f"{IF_MATCH}: it was changed meanwhile. GET it again: its ETag is {now} now",
                      ETag=now)


def present(of: Route, given: Mapping[str, Any]) -> str:
    """Return the ETag, as it is now, of the thing that a route gets, which the values name."""
    found = {argument.name: given[argument.name] for argument in of.in_path}
    return tag(values.as_json(of.operation.run(found), of.operation.result))
