"""XML as it comes in: parsed without risk, and validated against the schema.

lxml is loaded with the first document, since most commands of an operator meet none.
"""
from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from server.errors import Refused
from server.resources import foreign, repairs, schematypes
from server.resources.schema import SEP

if TYPE_CHECKING:
    from lxml import etree

# What the message of an error lists for the revisions of an edition, which nobody writes.
_REVISIONS = re.compile(r"([^\s(]+_r2_3|##other\{[^}]*\}\*)(, )?")
MAX_MESSAGE = 400  # characters
_local = threading.local()
# libxml2 sets up its table of built-in types at the first schema that it reads; two threads corrupt it.
_reading_schema = threading.Lock()


def parse(body: bytes, limited: bool = False) -> etree._Element:
    """Return the root element of well-formed XML.

    Refused (400) for other text, for a document type declaration, and beyond the limits of `foreign`, unless
    it is known to be `limited` by them. Entities are not resolved, nothing is loaded from the network, and
    libxml2's limits of depth and size apply.
    """
    from lxml import etree

    if not hasattr(_local, "parser"):
        _local.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    try:
        root = etree.fromstring(body, _local.parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(400, f"not well-formed XML: {_habit(body) or error}") from None
    if root.getroottree().docinfo.doctype:
        raise Refused(400, "a document type declaration is not accepted")
    if not limited:
        foreign.check_limits(root)
    return root


def _habit(body: bytes) -> str:
    """Return in words what is wrong with a body that habits of clients spoil; "" for others."""
    if body.endswith(b"\0"):
        return "the body ends with a NUL byte, which C programs use as the end of a text. Send it without."
    if body[:1].isspace() and body.lstrip().startswith(b"<?xml"):
        return "there are blanks or line breaks before the XML declaration. Begin with it, or leave it out."
    return ""


def validate(root: etree._Element) -> None:
    """Validate a document against the schema. Refused (400) with line and element of the first error.

    A document that is invalid only by habits of clients in the field is repaired in place, see `repairs`.
    """
    if not _is_valid(root) and not (repairs.repair(root) and _is_valid(root)):
        raise Refused(400, _first_error())


def check(body: bytes, limited: bool = False) -> etree._Element:
    """Validate a document that the server made from an operator's data, and return its root.

    Refused (400) with the first error, without its line, which the operator has not written. For `limited`
    see `parse`.
    """
    root = parse(body, limited)
    if not _is_valid(root):
        raise Refused(400, _first_error().partition(": ")[2])
    return root


def validator() -> etree.XMLSchema:
    """Return this thread's validator; its error log is not to be shared."""
    if not hasattr(_local, "validator"):
        from lxml import etree
        with _reading_schema:
            _local.validator = etree.XMLSchema(etree.parse(schematypes.path()))
    return _local.validator


def _is_valid(root: etree._Element) -> bool:
    return bool(validator().validate(root))


def _first_error() -> str:
    error = validator().error_log[0]
    message = _REVISIONS.sub("", error.message).replace(f"{{{SEP}}}", "")
    if "No matching global declaration" in message:
        message += f" Documents are in the namespace {SEP}."
    if len(message) > MAX_MESSAGE:  # it repeats the value
        message = f"{message[:MAX_MESSAGE]} …"
    return f"line {error.line}: {message}"
