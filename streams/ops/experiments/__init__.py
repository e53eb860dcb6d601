"""PLACEHOLDER streams/ops/experiments."""
