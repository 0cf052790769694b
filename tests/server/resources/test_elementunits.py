"""The unit of each element, from its type or its name."""
from __future__ import annotations

import pytest

from server.resources import elementunits, schema


@pytest.mark.parametrize("type_name, name, expected", [
    ("DERControlBase", "opModMaxLimW", ("%", 100, False)),
    ("DERControlBase", "opModFixedW", ("%", 100, True)),
    ("DERControlBase", "opModTargetW", ("W", 0, True)),
    ("DERControlBase", "opModMaxLimWAbsorb", ("W", 0, False)),
    ("DERControlBase", "opModTargetVar", ("var", 0, True)),
    ("DERControlBase", "opModTargetV", ("V", 0, False)),
    ("DERControlBase", "csipaus:opModImpLimW", ("W", 0, False)),
    ("DERControlBase", "rampTms", ("s", 100, False)),
    ("DefaultDERControl", "setGradW", ("%/s", 100, False)), ("DERCurve", "vRef", ("%", 100, False)),
    ("DERControlBase", "opModConnect", None), ("DERControlBase", "opModVoltVar", None),
    ("DERCurve", "xMultiplier", None),
])
def test_an_element_has_the_unit_of_its_type(
    type_name: str, name: str, expected: tuple[str, int, bool] | None
) -> None:
    field = schema.element_field(type_name, name)
    assert field is not None and elementunits.unit_of(field) == expected


def test_every_mode_with_a_number_has_a_unit() -> None:
    """A mode that were left out would be sent as the bare integer that somebody typed."""
    numbers = [field for field in schema.type_spec("DERControlBase").elements
               if (field.simple.kind == "int" if field.spec is None else "multiplier" in field.spec.by_key
                   and "displacement" not in field.spec.by_key)]
    assert len(numbers) > 15 and all(map(elementunits.unit_of, numbers))
