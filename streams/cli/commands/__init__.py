"""PLACEHOLDER streams/cli/commands."""
