"""`/console/do/NAME`: the page of any operation, with its form; it runs what is sent to it.

Whatever stands in the query is in the form at first. `back` is the page of the console to go to afterwards.
"""
from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from server.console import cells, fieldvalues, forms, identity, running, seen
from server.console.pagetable import PAGES, ROOT, ConsolePage
from server.errors import BadArgument, Refused
from server.operations.declaration import DRY_RUN, Operation, UploadedFile
from server.operators.roles import Role

blueprint = Blueprint("actions", __name__)
BACK, YES, REASON, DONE = running.BACK, running.YES, "reason", "done"


@blueprint.get("/do/<segment:name>")
def show(name: str) -> ResponseReturnValue:
    """Show the form of an operation; one that only looks is run if all that it needs was given."""
    operation = running.find(name)
    form = forms.of_operation(operation, request.args)
    if operation.role is not Role.VIEWER or not _is_complete(operation, request.args):
        return _page(operation, form)
    try:
        return _page(operation, form, _result(operation, fieldvalues.read(operation, request.args)))
    except Refused as refused:
        form.refuse(refused)
        return _page(operation, form, status=refused.status)


@blueprint.post("/do/<segment:name>")
def do(name: str) -> ResponseReturnValue:
    """Do what a form asks for; or try it, or ask first."""
    operation = running.find(name)
    form = forms.of_operation(operation, request.form)
    try:
        given = fieldvalues.read(operation, request.form, request.files)
        if request.form.get(DRY_RUN):
            given[DRY_RUN] = True
        if question := operation.question(given) if _has_all(operation, given) else "":
            if request.form.get(YES) != "true":
                return _ask(operation, question)
        result, before = _done(operation, given)
    except Refused as refused:
        form.refuse(refused)
        return _page(operation, form, status=refused.status)
    waits = "Waiting" in result.title
    if (back := back_to()) and not given.get(DRY_RUN) and not waits:
        return redirect(f"{back}{'&' if '?' in back else '?'}{DONE}={quote(operation.name)}", 303)
    return _page(operation, form, result, tried=bool(given.get(DRY_RUN)), before=before)


def _has_all(operation: Operation, given: dict[str, Any]) -> bool:
    return all(argument.name in given for argument in operation.arguments if argument.required)


def _is_complete(operation: Operation, given: MultiDict[str, str]) -> bool:
    """Whether a query says all that an operation needs, and it was asked for."""
    needed = [argument.name for argument in operation.arguments if argument.required]
    uploads = any(argument.kind is UploadedFile for argument in operation.arguments)
    return not uploads and all(given.get(name, "").strip() for name in needed)


def _done(operation: Operation, given: dict[str, Any]) -> tuple[cells.ResultNode, bool]:
    """Do what changes something, once; return what a page shows of its result, and whether it was done
    before."""
    if not operation.changes:
        return _result(operation, given), False
    result, before = running.change(
        operation.name, given, str(given.get(REASON) or ""), seen.if_match(operation, given))
    title = "Waiting for approval" if is_waiting(result) else "Result"
    return cells.node(result, operation.result, title), before


def _result(operation: Operation, given: dict[str, Any]) -> cells.ResultNode:
    """Run an operation that looks, and return what a page shows of its result."""
    with running.allowed(operation.name, given) as found:
        return cells.node(found.run(given), operation.result, "Result")


def is_waiting(result: Any) -> bool:
    """Return whether a result is that of what waits for somebody's approval."""
    from server.operators.approvals import WaitingApproval
    return isinstance(result, dict) and result.keys() == WaitingApproval.__annotations__.keys()


def back_to() -> str:
    """Return the page to go to afterwards: one of the console, or ""."""
    back = request.form.get(BACK) or request.args.get(BACK, "")
    return back if back.startswith(f"{ROOT}/") and "\\" not in back else ""


def _page(operation: Operation, form: forms.OperationForm, result: cells.ResultNode | None = None,
          tried: bool = False, before: bool = False, status: int = 200) -> ResponseReturnValue:
    return render_template(
        "console/action.html", page=page_of(operation), form=form, operation=operation, result=result,
        seen=_seen(operation, status),
        tried=tried, before=before, back=back_to(), is_look=operation.role is Role.VIEWER), status


def _seen(operation: Operation, status: int) -> str:
    """What the form that is shown was made of: what there is now, or, where something else is wrong with what
    was sent, still the same."""
    sent = request.form.get(running.SEEN)
    return sent if sent and status not in (200, 412) else seen.text(operation, request.values)


def _ask(operation: Operation, question: str) -> ResponseReturnValue:
    """The question that comes before what cannot be undone."""
    if any(request.files.values()):
        raise BadArgument(YES, f"{question} Tick “Yes” and send the file again")
    return render_template("console/question.html", page=page_of(operation), operation=operation,
                           title=forms.title(operation), question=question, back=back_to(),
                           pairs=forms.hidden(request.form, (identity.TOKEN_FIELD, YES)))


def page_of(operation: Operation) -> ConsolePage:
    """Return the page that an operation belongs to."""
    first = operation.name.partition(" ")[0]
    return next(page for page in PAGES if first in page.groups)
