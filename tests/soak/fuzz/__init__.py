"""The fuzzer: mutated requests over every writable resource, and what must hold of each answer.

Read `world` (the server that is attacked), `mutations` and `cases` (what is sent), `wire` (how),
`checks` (what
must hold), `campaign` (many cases, in batches) and `minimise` (the least that still fails).
"""
