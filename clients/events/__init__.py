"""Events of one device: which are in effect, and what they mean in watts.

Read `events` and `schedule` (which control holds when), `curves`, `loadcontrol`, `reservation`, `prices` and
`control` (the active modes in watts), `responses`; `eventclient` does all of it for one EndDevice.
"""
