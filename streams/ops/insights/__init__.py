"""PLACEHOLDER streams/ops/insights."""
