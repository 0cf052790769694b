"""What a device makes of events: `events`, `schedule`, `control`, `loadcontrol`, `reservation`, `curves`, `responses`,
and `eventclient`, which does all of that for one EndDevice.
"""
