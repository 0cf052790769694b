"""The reactive power that devices can inject and absorb, from DERCapability and DERSettings.

Settings override ratings. Injected vars are positive (over-excited). What is not reported is not known: a DER
without rtgMaxVar or setMaxVar has no reactive power.
"""
from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from server.resources import quantities, sql
from server.units import Lfdi, Vars, Watts

Data = Mapping[str, Any]
_DERS = ("SELECT d.lfdi, u.href, u.modes FROM device d JOIN der_state u ON u.device_id = d.id "
         "WHERE d.lfdi IN ({}) ORDER BY u.href")


@dataclass(frozen=True, kw_only=True)
class ReactiveDer:
    """What a DER can do, as magnitudes: the vars that it injects and absorbs, its apparent power (None:
    unlimited), the least power factor over- and under-excited. `modes` are the DERControl modes it takes."""
    max_injection_var: Vars
    max_absorption_var: Vars
    max_va: float | None
    min_pf_over: float
    min_pf_under: float
    modes: frozenset[str]

    def limit_var(self, injecting: bool, active_w: Watts) -> Vars:
        """Return the most vars (a magnitude) that it can inject, or absorb, beside an active power."""
        most_var = self.max_injection_var if injecting else self.max_absorption_var
        if self.max_va is None:
            return most_var
        return min(most_var, math.sqrt(max(self.max_va ** 2 - active_w ** 2, 0.0)))


def read(lfdis: Iterable[Lfdi]) -> dict[Lfdi, list[ReactiveDer]]:
    """Return the DERs of each device that has reported any."""
    modes_of: dict[str, tuple[Lfdi, str]] = {
        href: (lfdi, modes) for lfdi, href, modes in sql.among(_DERS, lfdis)}
    hrefs = [f"{der}/{last}" for der in modes_of for last in ("dercap", "derg")]
    documents: dict[str, Data] = {href: json.loads(submitted) for href, submitted in sql.among(
        "SELECT href, submitted FROM document WHERE href IN ({}) AND submitted IS NOT NULL", hrefs)}
    ders: dict[Lfdi, list[ReactiveDer]] = defaultdict(list)
    for der, (lfdi, modes) in modes_of.items():
        ders[lfdi].append(of_documents(
            documents.get(f"{der}/dercap", {}), documents.get(f"{der}/derg", {}), frozenset(modes.split())))
    return ders


def of_documents(capability: Data, settings: Data, modes: frozenset[str]) -> ReactiveDer:
    """Return what a DERCapability and DERSettings say. Pure."""
    def value(name: str) -> float | None:
        quantity = settings.get(f"set{name}", capability.get(f"rtg{name}"))
        return None if quantity is None else abs(quantities.base_value(quantity) or 0.0)

    def power_factor(name: str) -> float:
        quantity = settings.get(f"setMin{name}", capability.get(f"rtgMin{name}"))
        return 0.0 if quantity is None else quantity["displacement"] * 10.0 ** quantity["multiplier"]

    injection_var = value("MaxVar") or 0.0
    absorption_var = value("MaxVarNeg")
    return ReactiveDer(
        max_injection_var=injection_var,
        max_absorption_var=injection_var if absorption_var is None else absorption_var,
        max_va=value("MaxVA"),
        min_pf_over=power_factor("PFOverExcited"),
        min_pf_under=power_factor("PFUnderExcited"),
        modes=modes,
    )
