"""PLACEHOLDER streams/serve/web."""
