"""PLACEHOLDER streams/telemetry."""
