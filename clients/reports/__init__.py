"""What a device sends: its state, its readings, and its Responses and alarms.

Read `telemetry` (DER documents), `metering` (MirrorUsagePoint) and `reporter` (what is sent when).
"""
