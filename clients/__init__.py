"""Clients: simulated devices that speak IEEE 2030.5 as good real ones do.

Read in this order. What is asked: `events` and `schedule` (which control holds when), `curves`, `loads` (load controls),
`reservation` (what a charger asks for) and `control` (what all that is in watts). Who does it: `weather`, `plant` and
its kinds `inverter`, `battery`, `evcharger`, `thermostat`. All of this is pure. How it is known and told: `transport`,
`connection`, `timebase`, `polling`, `discovery`, `responses`, `telemetry`, `metering`. Who brings it together:
`reporter`, `follower`, `client`, then `device` and `aggregator`; many of them are a `neighbourhood`, run by a `fleet`.
"""
