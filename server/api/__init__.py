"""The REST interface of operators: `/api/v1`, made from the declarations in `server.operations`.

Read `routes` first (where each operation is found), then `calls` (one request), `requestvalues` (what it
gives; `encoding` makes such requests), `values` (how JSON says it), `lists` (pages), `exports` (as files),
`access` (who calls), `signin` (who signs in, with `openidsignin`), `problems` (what is refused), `jobs` (what
is done later, by `jobrunner`), `changes` (what is done once, and only as it was seen: `idempotency`,
`etags`), `openapi` (the document of all of it, with `schemas`), `docs` (its page), `stream` (server-sent
events of what changes, with `streamtexts`; `listeners` feeds those whom `threadworker` hands over), `app`
(the WSGI application), `startup` (what it needs) and `listen` (its own listener, which `counterpoise console`
starts).
"""
