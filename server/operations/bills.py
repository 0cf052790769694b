"""`bill`: what customers were billed, are expected to use, and aim at."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from server.grid.customers import billimport, bills
from server.grid.customers.billimport import BillsImport
from server.grid.customers.bills import AccountDetail, AccountRow, RemovedAccount
from server.operations.declaration import Arg, DryRun, Group, Role, UploadedFile

bill = Group("bill", """
    What customers were billed, are expected to use, and aim at. Each device sees its own.

    ACCOUNT is a device's LFDI, SFDI, number or name, vder:NAME for the devices of a household, or the href
    of one of several accounts.
    """)
GROUPS = (bill,)
Account = Annotated[str, Arg("A device, vder:NAME, or the account's href.", metavar="ACCOUNT")]
Owner = Annotated[str | None, Arg("A device, or vder:NAME; all if not given.", metavar="OWNER")]


@bill.operation("import", role=Role.OPERATOR, in_parts=True)
def import_file(
    file: UploadedFile,
    *,
    currency: Annotated[str | None, Arg(
        "Currency of new accounts for which the file has none: letters or number of ISO 4217.")] = None,
    supplier: Annotated[str, Arg("The supplier's name, for all accounts of the file.")] = "",
    supplier_phone: Annotated[str, Arg("Its telephone number.")] = "",
    supplier_email: Annotated[str, Arg("Its mail address.")] = "",
    supplier_web: Annotated[str, Arg("Its web address.")] = "",
    dry_run: DryRun = False,
) -> BillsImport:
    """Import bills from a CSV file: device, start, end, and bill, value, charge and other columns by name.

    None of them if anything is wrong. Once more it changes nothing: accounts, agreements, periods and
    readings are found again by their numbers, names and times; a set of readings is what the file says. A
    long file is written some accounts at a time; if it is interrupted, import it again.
    """
    elements = {"description": supplier, "phone": supplier_phone, "email": supplier_email,
                "web": supplier_web}
    return billimport.load(file.text(), file.name, currency,
                           {key: text for key, text in elements.items() if text}, dry_run)


@bill.operation("list", role=Role.VIEWER)
def list_accounts(owner: Owner = None) -> Iterator[AccountRow]:
    """List customers' accounts."""
    return bills.list_accounts(owner)


@bill.operation("show", role=Role.VIEWER)
def show(account: Account) -> AccountDetail:
    """Show an account with its agreements, periods and billed readings."""
    return bills.show(account)


@bill.operation("remove", role=Role.OPERATOR,
                confirm="Remove the account of {account} and all that was billed?")
def remove(account: Account) -> RemovedAccount:
    """Remove an account with all that was billed."""
    return bills.remove(account)
