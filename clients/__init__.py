"""Simulated devices that speak IEEE 2030.5 as good real ones do.

Read `events` (what the events of a device mean for it; pure), `devices` (the models of inverters, batteries
and so on, and the clients that run them), `transport` (how a client reaches a server), `reports` (what it
sends) and `simulation` (many at once).
"""
