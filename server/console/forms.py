"""The form of an operation, made from its declaration: a field for each argument."""
from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask_wtf.file import FileField, MultipleFileField
from werkzeug.datastructures import MultiDict
from wtforms import (BooleanField, PasswordField, SelectChoice, SelectField, SelectMultipleField, StringField,
                     TextAreaField)
from wtforms.form import BaseForm

from server.console import cells, fieldvalues
from server.errors import BadArgument
from server.operations.declaration import DRY_RUN, Argument, Operation, UploadedFile

_BACKQUOTED = re.compile(r"`(\w+)`")
_NAMES_VDER = ("VDER", "AREA")  # placeholders of arguments that name a virtual DER
_EXAMPLES: Mapping[str, str] = {
    "instant": "now, +15m, 18:00, tomorrow 18:00", "s": "15m, 1h30m, 90s", "W": "5kW", "Wh": "5kWh",
    "var": "5kvar", "W/s": "10W/s"}


class OperationForm(BaseForm):
    """The fields of an operation. BaseForm lets an argument have any name, such as `data`."""

    def __init__(self, operation: Operation, fields: Mapping[str, Any]):
        self.operation = operation
        self.refusal = ""  # what is said of the whole, not of a field
        super().__init__(fields)

    @property
    def slug(self) -> str:
        return self.operation.name.replace(" ", "-")

    @property
    def title(self) -> str:
        return title(self.operation)

    @property
    def help(self) -> str:
        return named(self.operation.help, self.operation)

    @property
    def has_files(self) -> bool:
        return any(argument.kind is UploadedFile for argument in self.operation.arguments)

    def refuse(self, refused: Any) -> None:
        """Say what was refused, at the field concerned where it has one."""
        if isinstance(refused, BadArgument) and refused.argument in self._fields:
            reason = named(refused.reason, self.operation)
            self[refused.argument].errors = [reason]
            self.refusal = f"{label_of(self.operation, refused.argument)}: {reason}"
        else:
            self.refusal = named(refused.why, self.operation)


def of_operation(operation: Operation, given: Mapping[str, Any] | None = None,
                 leaving_out: Collection[str] = ()) -> OperationForm:
    """Return the form of an operation, with what is given (a MultiDict, or texts by name) in its fields."""
    slug = operation.name.replace(" ", "-")
    form = OperationForm(operation, {
        argument.name: _field(argument, f"{slug}-{argument.name}", operation)
        for argument in operation.arguments
        if argument.name not in (DRY_RUN, *leaving_out) and argument.kind is not Path})
    texts = MultiDict(given or {})
    form.process(data={argument.name: _data(argument, texts) for argument in operation.arguments
                       if argument.name in form})
    return form


def _data(argument: Argument, texts: MultiDict[str, str]) -> Any:
    """What a field has before anything is typed."""
    if argument.name not in texts:
        if argument.kind is bool and not argument.optional:
            return bool(argument.default) if not argument.required else False
        if argument.many and argument.choices:
            return list(argument.default or ()) if not argument.required else []
        return fieldvalues.shown(argument, argument.default)
    given = [str(text) for text in texts.getlist(argument.name)]
    if argument.kind is bool and not argument.optional:
        return given[0] == "true"
    if argument.many:
        return given if argument.choices else "\n".join(given)
    return given[0]


def _field(argument: Argument, id: str, operation: Operation) -> Any:
    """The field of an argument, unbound."""
    description = named(argument.arg.help, operation)
    if limits := _range(argument):
        description += f" {limits}."
    words: dict[str, Any] = {"required": True} if argument.required and argument.kind is not bool else {}
    kind: Any = _kind(argument)
    common = partial(kind, label(argument), id=id, description=description.strip())
    if argument.choices or argument.kind is bool and argument.optional:
        pairs = [(choice, choice) for choice in argument.choices] or [("true", "yes"), ("false", "no")]
        if not argument.many and (argument.optional or not argument.default or argument.required):
            pairs.insert(0, ("", "–"))
        choices = [SelectChoice(value, name) for value, name in pairs]
        return common(choices=choices, validate_choice=False, render_kw=words)
    if example := _EXAMPLES.get(argument.unit):
        words["placeholder"] = example
    if argument.kind in (int, float) and not argument.unit:
        words["inputmode"] = "decimal" if argument.range[0] >= 0 else "text"
    if argument.arg.metavar in _NAMES_VDER:
        words["list"] = "vders"
    if argument.arg.secret:
        words["autocomplete"] = "new-password"
    return common(render_kw=words)


def _kind(argument: Argument) -> Any:
    if argument.choices:
        return SelectMultipleField if argument.many else SelectField
    if argument.kind is bool:
        return SelectField if argument.optional else BooleanField
    if argument.kind is UploadedFile:
        return MultipleFileField if argument.many else FileField
    if argument.arg.secret:
        return PasswordField
    return TextAreaField if argument.many else StringField


def _range(argument: Argument) -> str:
    """The range of a number where it is narrower than what any number of the type may be."""
    if argument.kind not in (int, float) or argument.arg.least is None and argument.arg.most is None:
        return ""
    least, most = (cells.number(bound, argument.unit) for bound in argument.range)
    if argument.arg.most is None or math.isinf(argument.range[1]):
        return f"At least {least}"
    return f"At most {most}" if argument.arg.least is None else f"{least} to {most}"


def label(argument: Argument) -> str:
    """Return what a form calls an argument."""
    option = "" if argument.arg.secret else argument.arg.option  # that says whence it is read
    name = option.rpartition("/")[2].replace("-", "_") or argument.name
    return cells.label(name, argument.unit)


def label_of(operation: Operation, name: str) -> str:
    """Return what the form of an operation calls the argument of a name."""
    return next((label(argument) for argument in operation.arguments if argument.name == name), name)


def named(text: str, operation: Operation) -> str:
    """Return a text with the arguments that it names in backquotes as the form calls them."""
    return _BACKQUOTED.sub(lambda match: f"“{label_of(operation, match[1])}”", text)


def title(operation: Operation) -> str:
    """Return what a button calls an operation: `Virtual DER: create`."""
    first, _, rest = operation.name.partition(" ")
    noun = cells.label(first.replace("-", "_"))
    return f"{noun}: {rest}" if rest else noun


def hidden(texts: MultiDict[str, str], leaving_out: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Return what was typed, as pairs for hidden fields."""
    return [(name, text) for name, text in texts.items(multi=True) if name not in leaving_out]
