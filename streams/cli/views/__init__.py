"""PLACEHOLDER streams/cli/views."""
