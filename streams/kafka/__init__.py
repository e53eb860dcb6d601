"""PLACEHOLDER streams/kafka."""
