"""An outage of the database: told at once, since no alarm can be written, and recorded once it is over."""
from __future__ import annotations

import logging

from server import alarms, clock
from server.alarmkinds import KINDS
from server.config import settings
from server.config.checks import masked
from server.monitoring import notices
from server.units import Instant

log = logging.getLogger(__name__)
KIND = "database"


class Outage:
    """The outage that goes on, if one does."""

    def __init__(self) -> None:
        self._since: Instant | None = None
        self._told = False

    def go_on(self, why: str) -> None:
        """Take note that the database did not answer; tell people once it is away for long."""
        now = clock.now()
        if self._since is None:
            self._since = now
        if not self._told and now - self._since >= settings.alarm_database_s:
            self._told = True
            detail = f"the database {masked(settings.database)} does not answer since {now - self._since} s"
            log.error("alarm: %s: %s", KIND, detail, extra={"fields": {"alarm": KIND}})
            notices.send_now(f"{KINDS[KIND].severity.value}: database", f"{detail}: {why}.\n"
                             f"{KINDS[KIND].remedy}")

    def end(self) -> None:
        """Take note that it answers again; record the alarm if it was away for long."""
        since, told, self._since, self._told = self._since, self._told, None, False
        if since is not None and told:
            alarms.record_over(KIND, masked(settings.database),
                               f"it did not answer for {clock.now() - since} s", since)
