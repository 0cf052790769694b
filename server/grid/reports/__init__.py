"""What came of events, days and months: `baselines`, `performance`, `reports`, with `charts` and `pages`."""
