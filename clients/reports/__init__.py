"""What a device sends of itself: `telemetry`, `metering`, `reporter`."""
