"""The best calls of one block, if every step gains so much: exact, by dynamic programming. Pure.

A call lasts so many steps, rests are kept, and events are counted by local day and in all, as the contract of
the block says (see `blockprogram.PlannableBlock`).
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Bools, Floats, Whole, np

_BISECTIONS = 14  # of the price of a step, where hours are scarce: to a ten-thousandth of the greatest gain


class CallRules(NamedTuple):
    """When a block can be called: `starts` [T] is where a call may begin, `day` [T] numbers local days.

    A call lasts `shortest` to `longest` steps, `rest` steps pass between two. Each day leaves room for
    `events_day` [days] events, all together for `events` and for `steps` steps.
    """
    starts: Bools
    shortest: int
    longest: int
    rest: int
    day: Whole
    events_day: Whole
    events: int
    steps: int


def best_calls(rules: CallRules, gain: Floats, event_cost: float) -> Bools:
    """Return the steps [T] in which the block is called so that the sum of `gain` [T] less `event_cost` for
    each event is greatest; none where nothing is gained.

    Where hours are scarce, each step is priced until they suffice, which finds the best for what it uses.
    """
    if rules.events <= 0 or rules.steps <= 0:
        return np.zeros(len(gain), dtype=bool)
    rules = rules._replace(rest=max(rules.rest, 1))  # calls without a step between are one
    called = _calls(rules, gain, event_cost)
    if called.sum() <= rules.steps:
        return called
    low, high = 0.0, float(max(gain.max(), 0.0))
    best = np.zeros(len(gain), dtype=bool)
    for _ in range(_BISECTIONS):
        price = (low + high) / 2
        called = _calls(rules, gain - price, event_cost)
        if called.sum() > rules.steps:
            low = price
            continue
        high = price
        if gain[called].sum() >= gain[best].sum():
            best = called
    return best


def _calls(rules: CallRules, gain: Floats, event_cost: float) -> Bools:
    """As `best_calls`, whatever hours it takes.

    `value[t, n, d]` is what is gained from step t on after n events in all, d of them on the day of t;
    counts that cannot matter are not told apart.
    """
    size = len(gain)
    most = -(-size // max(rules.shortest + rules.rest, 1))
    room = np.minimum(rules.events_day, most)[rules.day]
    in_all = min(rules.events, most) if rules.events < most else 0
    a_day = int(room.max(initial=0)) if (room < most).any() else 0
    total = np.concatenate(([0.0], np.cumsum(gain)))
    value = np.zeros((size + 1, in_all + 1, a_day + 1))
    length = np.zeros((size, in_all + 1, a_day + 1), dtype=np.intp)
    lengths = np.arange(max(rules.shortest, 1), rules.longest + 1)
    for step in range(size - 1, -1, -1):
        same_day = step + 1 < size and rules.day[step + 1] == rules.day[step]
        value[step] = value[step + 1] if same_day else value[step + 1][:, :1]
        if not rules.starts[step]:
            continue
        possible = lengths[step + lengths <= size]
        after = np.minimum(step + possible + rules.rest, size)
        if not len(possible):
            continue
        gained = total[step + possible] - total[step] - event_cost
        still = (after < size) & (rules.day[np.minimum(after, size - 1)] == rules.day[step])
        for count in range(in_all + 1):
            for today in range(a_day + 1):
                if (in_all and count >= in_all) or (a_day and today >= room[step]) or not room[step]:
                    continue
                later = value[after, min(count + 1, in_all), np.where(still, min(today + 1, a_day), 0)]
                reached = gained + later
                index = int(reached.argmax())
                if reached[index] > value[step, count, today]:
                    value[step, count, today] = reached[index]
                    length[step, count, today] = possible[index]
    return _followed(rules, length)


def _followed(rules: CallRules, length: Whole) -> Bools:
    """The steps in which the block is called, by the length of the call that begins in each state."""
    size, in_all, a_day = length.shape[0], length.shape[1] - 1, length.shape[2] - 1
    called = np.zeros(size, dtype=bool)
    step = count = today = 0
    while step < size:
        begun, lasts = step, int(length[step, count, today])
        if lasts:
            called[step:step + lasts] = True
            count, today = min(count + 1, in_all), min(today + 1, a_day)
        step += lasts + rules.rest if lasts else 1
        if step < size and rules.day[step] != rules.day[begun]:
            today = 0
    return called
