"""Events as a device sees them: which it follows, what that is in watts, how it responds.

Read `events` and `schedule` (which control holds when), `curves`, `loadcontrol`, `reservation` and `control`
(what all that is in watts), `responses`; `eventclient` does all of it for one EndDevice.
"""
