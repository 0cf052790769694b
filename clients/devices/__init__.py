"""Models of inverters, batteries and so on, and the clients that run them.

Read `devicemodel`, then its kinds: `inverter`, `battery`, `pricebattery`, `evcharger` and `thermostat` of
homes, `interruptible` and `generator` of businesses; and `faults` (how a device misbehaves). `client` is what
`device` (one certificate, one device) and `aggregator` (one certificate, many devices) share.
"""
