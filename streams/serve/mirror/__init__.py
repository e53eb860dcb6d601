"""PLACEHOLDER streams/serve/mirror."""
