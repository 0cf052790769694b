"""The CSIP conformance test procedures that concern a server, a test each (SunSpec, 1.3 with its errata).

A test is named by the procedure's id: `test_core_003_…`. It sets up what the procedure sets up, through what
operators do; drives the server as the procedure's client does, with the clock set; and asserts what the
procedure wants to see of a server. `topology` has the set-ups, `client` what clients do.
"""
