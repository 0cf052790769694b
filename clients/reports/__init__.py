"""What a device sends: DER status, readings, Responses and alarms.

Read `telemetry` (DER documents), `metering` (MirrorUsagePoint), `reporter` (what is sent when) and
`fileloader` (software that is loaded, and how far that is).
"""
