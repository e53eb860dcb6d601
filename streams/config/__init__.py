"""PLACEHOLDER streams/config."""
