"""What a process reports about itself.

* `streams.telemetry.metrics`: every metric, in one table; `streams.telemetry.exposition` parses them again.
* `streams.telemetry.health`: liveness, readiness and metrics over HTTP.
* `streams.telemetry.logging`: structured logging without personal data.
* `streams.telemetry.tracing`: spans from an event to its page.
"""
