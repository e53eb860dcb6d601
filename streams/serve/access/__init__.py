"""PLACEHOLDER streams/serve/access."""
