"""Simulated devices that speak IEEE 2030.5 as good real ones do.

Read `events` (what a device makes of events; pure), `devices` (the models of inverters, batteries and so on,
and the clients that own one), `transport` (how a client reaches a server), `reports` (what it sends) and
`simulation` (many at once).
"""
