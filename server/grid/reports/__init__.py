"""Baselines, performance and settlement of events, days and months.

Read `baselines` (what would have been), `performance` (delivered against expected), `reports` (an event, a
day, a month), and `charts` and `pages` (how a report is shown).
"""
