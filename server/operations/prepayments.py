"""`prepay`: accounts that are paid beforehand: credit, levels, supply."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from server.grid.customers import prepaychanges, prepayments
from server.grid.customers.prepaychanges import RemovedPrepayment
from server.grid.customers.prepayments import PrepaymentDetail, PrepaymentRow
from server.operations.declaration import Arg, Group, Role
from server.units import Instant, Quantity, Seconds

prepay = Group("prepay", """
    Accounts that are paid beforehand: credit, levels, supply. Each device sees its own.

    ACCOUNT is a device's LFDI, SFDI, number or name, vder:NAME for the devices of a household, or the href
    of one of several accounts. Amounts are decimals in the account's currency.
    """)
GROUPS = (prepay,)
Account = Annotated[str, Arg("A device, vder:NAME, or the account's href.", metavar="ACCOUNT")]
Owner = Annotated[str | None, Arg("A device, or vder:NAME; all if not given.", metavar="OWNER")]


@prepay.operation("set", role=Role.OPERATOR)
def configure(
    account: Account,
    *,
    mode: Annotated[str | None, Arg(
        "Who keeps the account: this server counts the credit with esi and local.",
        choices=tuple(prepayments.MODES))] = None,
    currency: Annotated[str | None, Arg("Of a new account: letters or number of ISO 4217.")] = None,
    balance: Annotated[str | None, Arg(
        "The regular credit, in place of what was counted.", metavar="AMOUNT")] = None,
    emergency: Annotated[str | None, Arg(
        "The emergency credit, in place of what was counted.", metavar="AMOUNT")] = None,
    expiry: Annotated[str | None, Arg(
        "The credit at which supply may change; 0 for a new account.", metavar="AMOUNT|none")] = None,
    low: Annotated[str | None, Arg("The credit at which it is low.", metavar="AMOUNT|none")] = None,
    low_emergency: Annotated[str | None, Arg(
        "The emergency credit at which it is low.", metavar="AMOUNT|none")] = None,
) -> PrepaymentDetail:
    """Set mode, levels and balance of an account; it is opened where there is none.

    What is not given stays. A new account needs `mode` and `currency`; devices see a balance once it
    is stated, or there is a credit.
    """
    return prepaychanges.configure(account, mode, currency, {
        "balance": balance, "emergency": emergency, "expiry": expiry, "low": low,
        "low_emergency": low_emergency})


@prepay.operation("credit", role=Role.OPERATOR)
def credit(
    account: Account,
    amount: Annotated[Quantity, Arg("What is added; a negative amount is taken.", metavar="AMOUNT")],
    *,
    type: Annotated[str, Arg("The credit it goes to, or comes from.",
                             choices=tuple(prepayments.CREDIT_TYPES))] = "regular",
    at: Annotated[Instant | None, Arg("When it takes effect; now if not given.")] = None,
    token: Annotated[str | None, Arg("Proof of the transaction; a number is made if not given.")] = None,
    description: Annotated[str, Arg("A note that devices see; 32 characters at most.")] = "",
    currency: Annotated[str | None, Arg("Currency of an account of which nothing says it yet.")] = None,
) -> PrepaymentDetail:
    """Credit an account, or debit it by a negative amount."""
    return prepaychanges.credit(account, amount, type, at, token, description, currency)


@prepay.operation("service", role=Role.OPERATOR)
def switch(
    account: Account,
    status: Annotated[str, Arg("What supply is, or will be.", choices=tuple(prepayments.SERVICES),
                               metavar="STATUS")],
    *,
    at: Annotated[Instant | None, Arg("From when on; now if not given.")] = None,
) -> PrepaymentDetail:
    """State whether the supply of an account is on, or will be."""
    return prepaychanges.switch(account, status, at)


@prepay.operation("override", role=Role.OPERATOR)
def override(
    account: Account,
    *,
    duration_s: Annotated[Seconds | None, Arg("For how long.", least=1)] = None,
    start: Annotated[Instant | None, Arg("From when on; now if not given.")] = None,
    description: Annotated[str, Arg("A note that devices see; 32 characters at most.")] = "",
    clear: Annotated[bool, Arg("End those that run, and withdraw those to come.")] = False,
) -> PrepaymentDetail:
    """Keep the supply of an account on for a time, whatever its credit."""
    return prepaychanges.override(account, duration_s, start, description, clear)


@prepay.operation("list", role=Role.VIEWER)
def list_accounts(owner: Owner = None) -> Iterator[PrepaymentRow]:
    """List the accounts that are paid beforehand."""
    return prepayments.list_accounts(owner)


@prepay.operation("show", role=Role.VIEWER)
def show(account: Account) -> PrepaymentDetail:
    """Show an account: credit, levels, supply, what is to come, its newest credits."""
    return prepayments.show(account)


@prepay.operation("remove", role=Role.OPERATOR,
                  confirm="Remove the prepaid account of {account} with all its credits?")
def remove(account: Account) -> RemovedPrepayment:
    """Remove an account with all its credits."""
    return prepaychanges.remove(account)
