"""PLACEHOLDER streams/stages."""
