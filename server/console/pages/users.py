"""Users and tokens: who uses the operator interface, what each may do, and what programs show."""
from __future__ import annotations

from flask import Blueprint, render_template

from server.console import forms, running, tables
from server.console.pagetable import BY_KEY

PAGE = BY_KEY["users"]
blueprint = Blueprint("users", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show users and tokens."""
    return render_template(
        "console/users.html", page=PAGE,
        users=tables.of_operation("user list", caption="Users", filters=False, teaches=PAGE.teaches,
                                  links={"name": lambda row: f"{PAGE.href}/{row['name']}"}),
        tokens=tables.of_operation(
            "token list", caption="Tokens",
            teaches="No token yet: a program shows one in place of a password. Make it a user of its own.",
            links={"user": lambda row: f"{PAGE.href}/{row['user']}"}),
        form=forms.of_operation(running.find("user create")))


@blueprint.get(f"{PAGE.path}/<segment:name>")
def user(name: str) -> str:
    """Show a user with their tokens, and what can be done about them."""
    found = running.run("user show", {"user": name})
    return render_template(
        "console/user.html", page=PAGE, user=found, declared=running.find("user show").result,
        tokens=running.run("token list", {"user": name}),
        form=forms.of_operation(running.find("token create"), {"user": name}, leaving_out=("user",)))
