"""Each role includes those before it."""
from __future__ import annotations

import pytest

from server.operators.roles import Role, includes, lesser

V, O, AP, AD = Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMINISTRATOR


@pytest.mark.parametrize("role, may", [(V, {V}), (O, {V, O}), (AP, {V, O, AP}), (AD, {V, O, AP, AD})])
def test_a_role_includes_those_before_it(role: Role, may: set[Role]) -> None:
    assert {needed for needed in Role if includes(role, needed)} == may


def test_of_two_roles_the_one_that_includes_less_counts() -> None:
    assert lesser(AD, O) == lesser(O, AD) == O and lesser(V, V) == V
