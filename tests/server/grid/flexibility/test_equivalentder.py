"""A virtual DER as one DER."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import clock
from server.grid.fleet import derreports, members
from server.grid.flexibility import equivalentder
from server.grid.groups import virtualders
from server.resources import codec
from server.resources.variants import WHOLE
from tests.server.grid.conftest import ALL

BATTERY = st.builds(
    lambda inject, absorb, capacity, charge: members.MemberDer(
        inject,
        absorb,
        -min(absorb, (1 - charge) * capacity),
        min(inject, charge * capacity),
        capacity,
        charge,
        charge * capacity,
        (1 - charge) * capacity,
        frozenset({"opModFixedW"}),
    ),
    *(st.integers(1000, 9000) for _ in range(3)),
    st.integers(0, 100).map(lambda percent: percent / 100),
)
PANELS = st.integers(1000, 9000).map(lambda inject: members.MemberDer(
    inject, 0, 0, inject, None, None, None, None, frozenset({"opModMaxLimW"})))
MEMBER = st.builds(lambda unit, online, present: members.Member("A", "a", "", online, (unit,), present, 0),
                   BATTERY | PANELS, st.booleans(), st.none() | st.integers(-5000, 5000))


@given(
    st.lists(MEMBER, max_size=30),
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(0, 1e6),
    st.floats(0, 1e9),
)
def test_it_is_always_four_valid_documents(inside, import_limit, export_limit, ramp):
    for name, data in equivalentder.documents(
        inside, 1_750_000_000, ramp, import_limit, export_limit
    ).items():
        assert codec.decode(codec.encode(name, data, WHOLE)) == (name, data)


@given(st.lists(MEMBER, min_size=1, max_size=20))
def test_read_back_it_is_the_sum_of_its_members(inside):
    documents = equivalentder.documents(inside, 1_750_000_000)
    row = derreports.ratings_of({**documents, "DERSettings": {}})
    assert row["max_injection_w"] == pytest.approx(sum(member.max_injection_w for member in inside), rel=1e-3)
    assert row["max_absorption_w"] == pytest.approx(
        sum(member.max_absorption_w for member in inside), rel=1e-3
    )
    online = [unit for member in inside if member.online for unit in member.ders]
    if row["dischargeable_wh"] is not None:
        assert row["dischargeable_wh"] == pytest.approx(
            sum(unit.dischargeable_wh or 0 for unit in online), rel=0.01, abs=20
        )
    assert (row["capacity_wh"] or 0) == pytest.approx(
        sum(unit.capacity_wh or 0 for member in inside for unit in member.ders), rel=1e-3
    )


def watts(documents, name):
    value = documents[f"DER{'Settings' if name.startswith('set') else 'Capability'}"][name]
    return value["value"] * 10 ** value["multiplier"]


@pytest.fixture
def street(battery, panels):
    for number in range(1, 4):
        battery(number, charge=number / 4, feeder="F1")
    panels(4, feeder="F2")
    battery(5, feeder="F2")
    virtualders.create("all", "")
    virtualders.create("f1", "feeder = F1", parent="all")
    virtualders.create("f2", "feeder = F2", parent="all")


def test_a_parent_s_face_is_its_children_s_summed(street):
    total, *children = (equivalentder.equivalent_der(name) for name in ("all", "f1", "f2"))
    for name in ("rtgMaxW", "rtgMaxChargeRateW", "rtgMaxDischargeRateW", "rtgMaxWh", "setMaxW"):
        assert watts(total, name) == sum(watts(child, name) for child in children), name
    assert total["DERCapability"]["type"] == 1
    assert int(total["DERCapability"]["modesSupported"], 16) == ALL
    assert total["DERStatus"]["stateOfChargeStatus"]["value"] == 5000


def test_limits_cut_settings_not_ratings(street):
    virtualders.update("f1", import_limit_w=7000, export_limit_w=9000)
    shown = equivalentder.equivalent_der("f1")
    assert (watts(shown, "rtgMaxW"), watts(shown, "setMaxW"), watts(shown, "setMaxChargeRateW")) == (
        15_000,
        9000,
        7000,
    )


def test_who_is_not_seen_is_rated_and_no_more(street):
    clock.advance(10_000)
    shown = equivalentder.equivalent_der("f1")
    assert watts(shown, "rtgMaxW") == 15_000 and shown["DERStatus"]["genConnectStatus"]["value"] == "00"
    assert shown["DERAvailability"]["statWAvail"]["value"] == 0
