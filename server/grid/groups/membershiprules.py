"""Rules of membership: `kind = ev_charger and feeder in (F12, F13) and not (phase != A)`. Pure.

    rule       = "*" | either ;            "*" fits every device, the empty rule none
    either     = both { "or" both } ;
    both       = term { "and" term } ;
    term       = "not" term | "(" either ")" | label comparison ;
    comparison = "=" word | "!=" word | [ "not" ] "in" "(" word { "," word } ")" ;

A word is made of letters, digits and . : / @ + - _, or is quoted. A label that a device does not have equals
nothing.
"""
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

Labels = Mapping[str, str]
Rule = Callable[[Labels], bool]
_TOKEN = re.compile(r"""\s*(?:(?P<word>[\w.:/@+-]+)|(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>!=|[=(),*]))""")
_RESERVED = frozenset({"and", "or", "not", "in"})


class RuleError(ValueError):
    """A rule that cannot be read."""

    @classmethod
    def at(cls, rule: str, position: int, why: str) -> "RuleError":
        return cls(f"rule, character {position + 1}: {why}\n  {rule}\n  {' ' * position}^")


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(rule: str) -> list[_Token]:
    found, at, end = [], 0, len(rule.rstrip())
    while at < end:
        match = _TOKEN.match(rule, at)
        if match is None:
            at += len(rule[at:]) - len(rule[at:].lstrip())
            raise RuleError.at(rule, at, f"{rule[at]!r} is not expected here")
        kind = str(match.lastgroup)
        text, at = match.group(kind), match.end()
        if kind == "quoted":
            found.append(_Token("word", text[1:-1], match.start(kind)))
        else:
            found.append(_Token("sign" if text in _RESERVED else kind, text, match.start(kind)))
    return [*found, _Token("end", "the end", end)]


class _Reader:
    """Reads a rule by descending through the grammar."""

    def __init__(self, rule: str):
        self.rule, self.tokens = rule, _tokens(rule)

    def take(self, *texts: str) -> _Token | None:
        """The next token, if it is one of these signs."""
        if self.tokens[0].kind == "sign" and self.tokens[0].text in texts:
            return self.tokens.pop(0)
        return None

    def need(self, what: str, sign: str = "") -> str:
        """The next token, which has to be this sign or else a word."""
        token = self.tokens[0]
        if (token.kind, token.text) != ("sign", sign) if sign else token.kind != "word":
            where = "at the end" if token.kind == "end" else f"before {token.text!r}"
            raise RuleError.at(self.rule, token.position, f"{what} is missing {where}")
        return self.tokens.pop(0).text

    def whole(self) -> Rule:
        if self.take("*"):
            rule: Rule = lambda labels: True  # noqa: E731
        else:
            rule = self.either()
        if self.tokens[0].kind != "end":
            raise RuleError.at(
                self.rule, self.tokens[0].position, f"{self.tokens[0].text!r} is not expected here"
            )
        return rule

    def either(self) -> Rule:
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda labels: any(part(labels) for part in parts)

    def both(self) -> Rule:
        parts = [self.term()]
        while self.take("and"):
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else lambda labels: all(part(labels) for part in parts)

    def term(self) -> Rule:
        if self.take("not"):
            inner = self.term()
            return lambda labels: not inner(labels)
        if self.take("("):
            inner = self.either()
            self.need("')'", ")")
            return inner
        label = self.need("a label")
        sign = self.take("=", "!=", "in", "not")
        if sign is None:
            raise RuleError.at(
                self.rule, self.tokens[0].position, f"'=', '!=' or 'in' is missing after {label!r}"
            )
        if sign.text in ("=", "!="):
            return self.compared(label, frozenset({self.need("a value")}), sign.text == "=")
        if sign.text == "not":
            self.need("'in'", "in")
        self.need("'('", "(")
        values = {self.need("a value")}
        while self.take(","):
            values.add(self.need("a value"))
        self.need("')'", ")")
        return self.compared(label, frozenset(values), sign.text == "in")

    @staticmethod
    def compared(label: str, values: frozenset[str], wanted: bool) -> Rule:
        return lambda labels: (labels.get(label) in values) is wanted


@lru_cache(maxsize=4096)
def read(rule: str) -> Rule:
    """The rule as a function of a device's labels. RuleError names the character at which it cannot be
    read."""
    return _Reader(rule).whole() if rule.strip() else lambda labels: False
