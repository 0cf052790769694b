"""What a device sends: DER status, readings, Responses and alarms.

Read `telemetry` (DER documents), `metering` (MirrorUsagePoint) and `reporter` (what is sent when).
"""
