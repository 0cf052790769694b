"""Bills from a file become accounts, agreements, periods and billed readings.

What a file names is made as the file says; what it does not name stays. A set of readings is named by its
period: its values are those of the file. So a file that is imported again changes nothing, and a corrected
one what was corrected.

All of a file is looked at first, so that nothing is written of one with a fault. Then accounts are written,
each as a whole, some in a transaction; an import that was interrupted goes on when it is repeated.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

from server import audit
from server.config import settings
from server.grid.customers import billfiles, billwriter
from server.grid.customers.billwriter import ADDED, CHANGED, REMOVED, SAME
from server.resources import dryrun, store
from server.units import Href

TOGETHER = 500  # readings and sums that are written in one transaction


class BillsImport(TypedDict):
    """What a file changed: how many documents were added, changed, removed, or were as they are already, and
    the accounts that the file names."""
    file: str
    lines: int
    added: int
    changed: int
    removed: int
    unchanged: int
    accounts: list[Href]
    dry_run: bool


def load(
    text: str, source: str, currency: str | None = None, supplier: Mapping[str, str] | None = None,
    dry_run: bool = False
) -> BillsImport:
    """Import the bills of a CSV text (see `billfiles`); `source` is the name of the file.

    `currency` is that of new accounts for which the file has none, `supplier` the elements of the
    ServiceSupplier of all accounts. With `dry_run` the change is rolled back. Refused (400, 404, 409) with
    the line, the reason and what to do, before anything is written.
    """
    accounts, lines = billfiles.read(text, source, ZoneInfo(settings.timezone))
    work = _Work(source, currency, supplier or {})
    if dry_run:
        with dryrun.transaction(True):
            results = [_put(accounts, work, True)]
    else:
        billwriter.write(accounts, currency, work.supplier, writes=False)
        results = [_put(part, work) for part in _parts(accounts)]
    whole = results[0]
    for part in results[1:]:
        for key in (ADDED, CHANGED, REMOVED, SAME):
            whole[key] += part[key]
        whole["accounts"] += part["accounts"]
    whole["lines"] = lines
    return whole


class _Work(NamedTuple):
    """What holds for all accounts of a file."""
    source: str
    currency: str | None
    supplier: Mapping[str, str]


def _parts(accounts: billfiles.Accounts) -> Iterator[billfiles.Accounts]:
    """Yield accounts in parts of TOGETHER readings and sums, or of one account that has more."""
    part: billfiles.Accounts = {}
    size = 0
    for key, account in accounts.items():
        if size and size + account.size > TOGETHER:
            yield part
            part, size = {}, 0
        part[key] = account
        size += account.size
    yield part


def _logged(result: BillsImport) -> dict[str, Any]:
    return {key: value for key, value in result.items()
            if key in ("file", "added", "changed", "removed", "accounts")}


@audit.audited("bill import", "{file}", answer=_logged)
def _put(accounts: billfiles.Accounts, work: _Work, dry_run: bool = False) -> BillsImport:
    """Write what a file says of accounts, all or nothing."""
    with store.transaction():
        hrefs, counts = billwriter.write(accounts, work.currency, work.supplier)
        return {"file": work.source, "lines": 0, "added": counts[ADDED], "changed": counts[CHANGED],
                "removed": counts[REMOVED], "unchanged": counts[SAME], "accounts": hrefs,
                "dry_run": dry_run}
