"""Copies of a whole database: backup, restore, and the move to another engine.

A backup is one SQLite database with all rows of one instant and a manifest, from either engine. Read `rows`
first (rows of a table, alike on both engines, counted and hashed), then `manifest` (what a file says of
itself, and whether that is true), `sessions` (who else has a database open), `snapshot` (a database into a
file) and `restoration` (a file into a database). To move a database is to do one after the other.
"""
