import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.groups import membershiprules

DEVICE = {"kind": "ev_charger", "feeder": "F12", "phase": "A"}

FITS = [
    ("kind = ev_charger", True),
    ("kind = battery", False),
    ("kind != battery", True),
    ("kind = ev_charger and feeder = F12", True),
    ("kind = ev_charger and feeder = F13", False),
    ("kind = battery or feeder = F12", True),
    ("kind = battery and feeder = F12 or phase = A", True),
    ("kind = battery and (feeder = F12 or phase = A)", False),
    ("not kind = battery", True),
    ("not (kind = battery or phase = A)", False),
    ("not not phase = A", True),
    ("feeder in (F11, F12)", True),
    ("feeder in (F11)", False),
    ("feeder not in (F11, F13)", True),
    ("feeder not in (F11, F12)", False),
    ("street = Main", False),
    ("street != Main", True),
    ("kind='ev_charger' and feeder=\"F12\"", True),
    ("*", True),
    ("", False),
    ("  ", False),
]


@pytest.mark.parametrize("rule, fits", FITS, ids=[rule or "empty" for rule, _ in FITS])
def test_which_rules_fit_a_device(rule, fits):
    assert membershiprules.read(rule)(DEVICE) is fits


def test_quotes_hold_what_a_word_cannot():
    assert membershiprules.read("site = 'Main Street (north)' and team = \"and\"")(
        {"site": "Main Street (north)", "team": "and"}
    )


@pytest.mark.parametrize("rule, character, why", [
    ("kind", 5, "'=', '!=' or 'in' is missing after 'kind'"),
    ("kind =", 7, "a value is missing at the end"),
    ("kind = a feeder = b", 10, "'feeder' is not expected here"),
    ("kind = and", 8, "a value is missing before 'and'"),
    ("(kind = a", 10, "')' is missing at the end"),
    ("kind = a)", 9, "')' is not expected here"),
    ("kind in a", 9, "'(' is missing before 'a'"),
    ("kind in ()", 10, "a value is missing before ')'"),
    ("kind in (a b)", 12, "')' is missing before 'b'"),
    ("kind not a", 10, "'in' is missing before 'a'"),
    ("kind = a and", 13, "a label is missing at the end"),
    ("* and kind = a", 3, "'and' is not expected here"),
    ("kind = a ; drop", 10, "';' is not expected here"),
    ("kind = 'a", 8, '"\'" is not expected here'),
    ("(" * 5000, 101, "no more than 100 `(` and `not` may be within each other"),
    ("not " * 5000, 401, "no more than 100 `(` and `not` may be within each other"),
])
def test_an_error_names_the_character(rule, character, why):
    with pytest.raises(membershiprules.RuleError) as caught:
        membershiprules.read(rule)
    message, shown, mark = str(caught.value).split("\n")
    assert message == f"rule, character {character}: {why}"
    assert shown == f"  {rule}" and mark.index("^") == character + 1


words = st.sampled_from(["A", "B", "C"])


@st.composite
def rule_and_meaning(draw, depth=3):
    """A random rule as text, and the same thing in Python."""
    form = draw(st.sampled_from(["=", "!=", "in"] if depth == 0 else ["=", "not", "and", "or"]))
    if form in ("=", "!=", "in"):
        label, value = draw(st.sampled_from(["x", "y"])), draw(words)
        if form == "in":
            return f"{label} in ({value}, A)", lambda device: device.get(label) in (value, "A")
        return f"{label} {form} {value}", lambda device: (device.get(label) == value) == (form == "=")
    text, meaning = draw(rule_and_meaning(depth - 1))
    if form == "not":
        return f"not ({text})", lambda device: not meaning(device)
    other, other_meaning = draw(rule_and_meaning(depth - 1))
    if form == "and":
        return f"({text}) and ({other})", lambda device: meaning(device) and other_meaning(device)
    return f"({text}) or ({other})", lambda device: meaning(device) or other_meaning(device)


@given(rule_and_meaning(), st.dictionaries(st.sampled_from(["x", "y"]), words))
def test_rules_mean_what_they_say(rule, device):
    text, meaning = rule
    assert membershiprules.read(text)(device) is meaning(device)


def test_brackets_side_by_side_are_no_depth():
    assert membershiprules.read(" and ".join(["not (kind = a)"] * 300))({"kind": "b"})
