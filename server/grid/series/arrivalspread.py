"""How much more energy than usual arriving cars may need, by the weeks before. Pure."""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, np

P90_SIGMAS = 1.2816  # standard deviations from the mean to the quantile of 0.9
UNKNOWN = 1.5  # of one week alone nothing is known of the spread
GREATEST = 2.0  # a group of few cars, of which one comes at times, would else hold room for many


def spread(energy_wh: Floats) -> Floats:
    """Return, by group [g], the quantile of 0.9 of the energy that arriving cars need over the mean of the
    weeks before, from the energies of these weeks [week, g]; 1 where there was none.

    With n weeks the mean itself is uncertain by the standard deviation over the root of n.
    """
    weeks = len(energy_wh)
    mean = energy_wh.mean(axis=0) if weeks else np.zeros(energy_wh.shape[1])
    if weeks < 2:
        return np.where(mean > 0, UNKNOWN, 1.0)
    sigma = energy_wh.std(axis=0, ddof=1) * np.sqrt(1 + 1 / weeks)
    ratio = np.divide(P90_SIGMAS * sigma, mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(np.clip(1 + ratio, 1.0, GREATEST), dtype=float)
