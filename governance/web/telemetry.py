"""Nothing is reported by itself, from either server."""

from fastapi.telemetry import TelemetryConfig

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""Spans and logs would carry addresses and the messages of exceptions out of the house."""
