"""The one way to refuse."""
from __future__ import annotations


class Refused(Exception):
    """Something asked for is not done, and nothing of it was done.

    `status` is the HTTP status a device is answered with, `why` names the place and the reason in words for
    the person who reads it. `headers` go with the answer (Allow with a 405, Retry-After with a 503).
    `reason_code` is the Error's, where it is not the one of the status. `log_event` are function set and code
    of the LogEvent that the server adds to its own, where there is one for it.
    """
    reason_code: int | None = None
    log_event: tuple[int, int] | None = None

    def __init__(self, status: int, why: str, **headers: str):
        super().__init__(why)
        self.status = status
        self.why = why
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class BadArgument(Refused):
    """An argument of an operation has a value that cannot be; `argument` is its name as declared.

    Reasons of operations name other arguments in backquotes, as declared: "specify either an LFDI or `file`".
    Each interface translates these to its own form, the command line to options.
    """

    def __init__(self, argument: str, reason: str):
        super().__init__(400, f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason
