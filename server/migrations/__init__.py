"""Changes of the tables, applied in order when a database is opened.

Read `runner` (how migrations are applied, and what refuses them), then `renames` (how tables and columns get
new names), then the migrations themselves.

A migration declares COMPATIBLE_FROM, the name of an earlier one, where a program that knows that one but not
this can go on reading and writing: nodes are then upgraded one by one. CONTRIBUTING says when that is so.

A migration is a file `NNNN_name.py` with a function `up(migrator, db)`. It imports no model: models change,
a migration never does. A migration that leaves rows to be rebuilt from documents inserts a KeyValue named
"reindex", and the next start rebuilds them. What a migration renames or removes it declares, for the tests
that follow every row from every earlier schema:

    TABLES = {"unit": "der_state"}                            # renamed tables: old name to new name
    COLUMNS = {"unit": {"up": "dischargeable_wh"}}            # renamed columns, by the table's old name
    DROPPED = {"document": {"body_2023"}, "old_table": None}  # removed columns, or whole tables (None)

    def up(migrator, db):
        renames.rename(db, TABLES, COLUMNS)
"""
