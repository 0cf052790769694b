"""Rules of membership, such as `kind = ev_charger and feeder in (F12, F13) and not (phase != A)`. Pure.

    rule       = "*" | either ;            "*" matches every device, the empty rule none
    either     = both { "or" both } ;
    both       = term { "and" term } ;
    term       = "not" term | "(" either ")" | label comparison ;
    comparison = "=" word | "!=" word | [ "not" ] "in" "(" word { "," word } ")" ;

A word consists of letters, digits and . : / @ + - _, or is quoted. A label that a device does not have equals
no value.
"""
from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, Self

from server.devices import names

Labels = Mapping[str, str]
Rule = Callable[[Labels], bool]
_TOKEN = re.compile(r"""\s*(?:(?P<word>[\w.:/@+-]+)|(?P<quoted>"[^"]*"|'[^']*')|(?P<sign>!=|[=(),*]))""")
_RESERVED = frozenset({"and", "or", "not", "in"})
_WORD = re.compile(r"[\w.:/@+-]+")
DEEPEST = 100  # `(` and `not` within each other
EVERY = "*"  # the rule that matches every device


def word(value: str) -> str:
    """Return a value as a rule has it: as it is, or quoted. ValueError where it has quotes of both kinds."""
    if _WORD.fullmatch(value) and value not in _RESERVED:
        return value
    quote = "'" if '"' in value else '"'
    if quote in value:
        raise RuleError(f"{value!r} cannot be written in a rule, since it has quotes of both kinds")
    return f"{quote}{value}{quote}"


class RuleError(ValueError):
    """A rule with a syntax error."""

    @classmethod
    def at(cls, rule: str, position: int, reason: str) -> Self:
        """Return the error with the reason and the rule, in which a mark points at the position (from 0)."""
        return cls(f"rule, character {position + 1}: {reason}\n  {rule}\n  {' ' * position}^")


class Comparison(NamedTuple):
    """A comparison of a rule: which label it tests, and against which values."""
    label: str
    values: frozenset[str]


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(rule: str) -> list[_Token]:
    tokens, position, end = [], 0, len(rule.rstrip())
    while position < end:
        match = _TOKEN.match(rule, position)
        if match is None:
            position += len(rule[position:]) - len(rule[position:].lstrip())
            raise RuleError.at(rule, position, f"{rule[position]!r} is not expected here")
        kind = str(match.lastgroup)
        text, position = match.group(kind), match.end()
        if kind == "quoted":
            tokens.append(_Token("word", text[1:-1], match.start(kind)))
        else:
            tokens.append(_Token("sign" if text in _RESERVED else kind, text, match.start(kind)))
    return [*tokens, _Token("end", "the end", end)]


class _Parser:
    """A recursive descent parser with a method for each line of the grammar."""

    def __init__(self, rule: str):
        self.text, self.tokens = rule, deque(_tokens(rule))
        self.comparisons: list[Comparison] = []
        self.depth = 0

    def take(self, *signs: str) -> _Token | None:
        """Return the next token if it is one of these signs."""
        if self.tokens[0].kind == "sign" and self.tokens[0].text in signs:
            return self.tokens.popleft()
        return None

    def require(self, description: str, sign: str = "") -> str:
        """Return the text of the next token, which has to be this sign or, without one, a word."""
        token = self.tokens[0]
        if (token.kind, token.text) != ("sign", sign) if sign else token.kind != "word":
            where = "at the end" if token.kind == "end" else f"before {token.text!r}"
            raise RuleError.at(self.text, token.position, f"{description} is missing {where}")
        return self.tokens.popleft().text

    def rule(self) -> Rule:
        if self.take(EVERY):
            rule: Rule = lambda labels: True  # noqa: E731
        else:
            rule = self.either()
        token = self.tokens[0]
        if token.kind != "end":
            raise RuleError.at(self.text, token.position, f"{token.text!r} is not expected here")
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
        if token := self.take("not"):
            negated = self.nested(token, self.term)
            return lambda labels: not negated(labels)
        if token := self.take("("):
            bracketed = self.nested(token, self.either)
            self.require("')'", ")")
            return bracketed
        return self.comparison(self.require("a label"))

    def nested(self, token: _Token, read: Callable[[], Rule]) -> Rule:
        if self.depth == DEEPEST:
            raise RuleError.at(self.text, token.position,
                               f"no more than {DEEPEST} `(` and `not` may be within each other")
        self.depth += 1
        rule = read()
        self.depth -= 1
        return rule

    def comparison(self, label: str) -> Rule:
        sign = self.take("=", "!=", "in", "not")
        if sign is None:
            raise RuleError.at(
                self.text, self.tokens[0].position, f"'=', '!=' or 'in' is missing after {label!r}"
            )
        if sign.text in ("=", "!="):
            return self.compare(label, {self.require("a value")}, sign.text == "=")
        if sign.text == "not":
            self.require("'in'", "in")
        self.require("'('", "(")
        values = {self.require("a value")}
        while self.take(","):
            values.add(self.require("a value"))
        self.require("')'", ")")
        return self.compare(label, values, sign.text == "in")

    def compare(self, label: str, texts: set[str], expected: bool) -> Rule:
        values = frozenset(map(names.canonical_kind, texts) if label == "kind" else texts)
        self.comparisons.append(Comparison(label, values))
        return lambda labels: (labels.get(label) in values) is expected


@lru_cache(maxsize=4096)
def read(rule: str) -> Rule:
    """Return the rule as a function of a device's labels.

    Raises RuleError, which names the character, where the syntax is wrong.
    """
    return _Parser(rule).rule() if rule.strip() else lambda labels: False


def comparisons(rule: str) -> list[Comparison]:
    """Return the comparisons of a rule in their order. Raises RuleError where the syntax is wrong."""
    parser = _Parser(rule)
    if rule.strip():
        parser.rule()
    return parser.comparisons
