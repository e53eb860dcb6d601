"""Placeholder until its essay is written."""
