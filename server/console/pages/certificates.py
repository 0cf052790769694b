"""Certificates: whether one would be let in and why not, which end first, and those of an own authority."""
from __future__ import annotations

from flask import Blueprint, render_template, request

from server.console import cells, fieldvalues, forms, running, tables
from server.console.pagetable import BY_KEY
from server.errors import Refused
from server.operations import resulttypes

PAGE = BY_KEY["certificates"]
blueprint = Blueprint("certificates", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show which certificates end first, and the form to check one."""
    return _page(forms.of_operation(running.find("certificate check")))


@blueprint.post(PAGE.path)
def check() -> tuple[str, int]:
    """Check a certificate that was pasted or dropped."""
    operation = running.find("certificate check")
    form = forms.of_operation(operation, request.form)
    try:
        given = fieldvalues.read(operation, request.form, request.files)
        with running.allowed(operation.name, given):
            found = operation.run(given)
    except Refused as refused:
        form.refuse(refused)
        return _page(form), refused.status
    kinds = resulttypes.fields(operation.result, found)
    chain = cells.node(found["chain"], kinds["chain"], "Chain")
    return _page(form, found, chain), 200


def _page(form: forms.OperationForm, found: object = None, chain: object = None) -> str:
    ending = tables.of_operation(
        "certificate list", caption="Certificates that end first",
        columns=("holder", "subject", "ends_at", "lfdi"),
        links={"holder": lambda row: f"/console/devices/{row['lfdi']}" if row["lfdi"] else ""},
        teaches="None of them ends within a year, as far as this server has seen them: the certificate of a "
                "device is known from its next connection on.")
    return render_template("console/certificates.html", page=PAGE, form=form, found=found, chain=chain,
                           ending=ending)
