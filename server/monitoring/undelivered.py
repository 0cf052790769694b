"""The error of a message about alarms that was not taken."""
from __future__ import annotations


class Undelivered(Exception):
    """A message was not taken; the text says why."""
