"""PLACEHOLDER streams/serve/api."""
