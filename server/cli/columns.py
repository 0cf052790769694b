"""What tables leave out, and how: columns that another one says, that are least needed, that stay whole."""
from __future__ import annotations

# What a record says in words is not printed as raw elements as well.
IN_WORDS = {"base": "in_words", "default": "in_words", "action": "in_words"}
# Identifiers, elements and codes are left out where another column says them in words in every row.
IDENTIFIED_BY = {
    "lfdi": "name", "mrid": "href",
    **dict.fromkeys(("base", "action", "mode", "modes", "value", "multiplier", "uom", "flow"), "in_words"),
    "status": "answer",
}
# The types of elements under other keys than their names.
TYPE_NAMES = {"default": "DefaultDERControl", "base": "DERControlBase", "curve": "DERCurve"}
UNBROKEN = ("name", "value", "vder", "device", "status", "state", "quantity", "answer")
PROSE_WIDTH = 17  # a wider text may be broken into lines; an instant in it stays whole
SHOWN_UNITS = ("W", "Wh", "kWh", "W/s", "var", "%", "s", "h")  # in a heading, in place of the suffix
MAX_PAIRS = 4  # a mapping of more is printed with a line for each
# Columns that are left out where a table is too wide for the terminal, the first goes first; --json has them.
OPTIONAL = (
    "mrid",
    "issued_at",
    "grants",
    "created_at",
    "solver_s",
    "step",
    "step_s",
    "values",
    "gaps",
    "mean",
    "issue_interval_s",
    "priority",
    "tolerance_w",
    "granted_start",
    "granted_duration_s",
    "request",
    "grant",
    "requested_by",
    "addressing",
    "verified_up_w",
    "verified_down_w",
    "margin_s",
    "unrated",
    "rated_inject_w",
    "rated_absorb_w",
    "source",
    "potentially_superseded",
    "since",
    "forward",
    "mandatory",
    "override_duration_s",
    "sfdi",
    "lfdi",
    "meter",
    "control",
    "plan",
    "value",
    "duration_s",
    "least",
    "most",
)
