"""PLACEHOLDER streams/ops/state."""
