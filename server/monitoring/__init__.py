"""What is wrong, and who is told: conditions that raise alarms and clear them, notices of alarms.

Read `conditions` (the table of what is watched, each with its thresholds), then what finds it: `areas`,
`fleet`, `certificates`; `presence` (whether a worker runs) and `outages` (of the database). Then who is told:
`acknowledgements`, `notices` (the outbox), `mail` and `webhook` (the channels; `undelivered` is their error),
`telling` (the threads). Programs are told of other changes, too: `changehooks` (what operators add),
`hookdelivery`, `hookposts`. Then what monitoring systems ask: `measures` (the table of what is measured),
`web`.
"""
