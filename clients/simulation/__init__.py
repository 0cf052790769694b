"""Many devices at once: `scenario`, `weather`, `neighbourhood`, `fleet`, `stepped`, `processpool`, `totals`."""
