"""The change of power that a group can make beside its baseline, with its variance. Pure.

Powers in W; up is more injection than the baseline, down is less.
"""
from __future__ import annotations

from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np


class PowerChange(NamedTuple):
    """[T] each: powers up and down, energies up and down until the end of each step, variances of the powers.
    """
    up_w: Floats
    down_w: Floats
    up_wh: Floats
    down_wh: Floats
    up_variance: Floats
    down_variance: Floats

    def limited(self, up_w: Floats, down_w: Floats, hours: float) -> PowerChange:
        """Return the change with at most these powers, and the energies that such powers reach in steps of
        `hours`."""
        limited_up_w, limited_down_w = np.minimum(self.up_w, up_w), np.minimum(self.down_w, down_w)
        return PowerChange(
            limited_up_w,
            limited_down_w,
            np.minimum(self.up_wh, np.cumsum(limited_up_w) * hours),
            np.minimum(self.down_wh, np.cumsum(limited_down_w) * hours),
            self.up_variance * ratio(limited_up_w, self.up_w) ** 2,
            self.down_variance * ratio(limited_down_w, self.down_w) ** 2,
        )

    def firm(self, deviations: float) -> PowerChange:
        """Return the powers so many standard deviations below the mean, and the energies in proportion."""
        up_w = np.maximum(self.up_w - deviations * np.sqrt(self.up_variance), 0)
        down_w = np.maximum(self.down_w - deviations * np.sqrt(self.down_variance), 0)
        return self._replace(
            up_w=up_w,
            down_w=down_w,
            up_wh=self.up_wh * ratio(up_w, self.up_w),
            down_wh=self.down_wh * ratio(down_w, self.down_w),
        )


def ratio(part: Floats, total: Floats) -> Floats:
    """Return part / total, 0 where the total is none."""
    return np.divide(part, total, out=np.zeros_like(total), where=total > 0)


def total(changes: list[PowerChange], steps: int) -> PowerChange:
    """Return the sum of changes over so many steps."""
    if not changes:
        return PowerChange(*(np.zeros(steps) for _ in PowerChange._fields))
    return PowerChange(*(np.sum(values, axis=0) for values in zip(*changes, strict=True)))
