"""A page that is no more than the operations of its groups: lists as tables, and links to forms."""
from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, render_template

from server.api import lists
from server.console import forms, identity, tables
from server.console.pagetable import ConsolePage
from server.operations.declaration import Operation
from server.operators.roles import Role

MOST_TABLES = 4


def blueprint(page: ConsolePage) -> Blueprint:
    """Return the blueprint of a generated page."""
    made = Blueprint(page.key, __name__)
    made.add_url_rule(page.path, "page", lambda: show(page))
    return made


def show(page: ConsolePage) -> str:
    """Return the page."""
    found = [operation for operation in page.operations() if is_listed(operation)][:MOST_TABLES]
    return render_template(
        "console/generated.html", page=page,
        tables=[tables.of_operation(operation.name, caption=forms.title(operation), rows=20,
                                    teaches=page.teaches if not number else "")
                for number, operation in enumerate(found)],
        looks=[operation for operation in page.operations() if operation.role is Role.VIEWER],
        acts=list(actions(page)))


def is_listed(operation: Operation) -> bool:
    """Return whether an operation lists without being told anything."""
    return (operation.role is Role.VIEWER and lists.is_declared(operation.result)
            and not any(argument.required for argument in operation.arguments))


def actions(page: ConsolePage) -> Iterator[Operation]:
    """Yield the operations of a page that change something, and that who has signed in may do."""
    for operation in page.operations():
        if operation.changes and identity.may(operation.role):
            yield operation
