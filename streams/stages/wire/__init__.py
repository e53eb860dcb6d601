"""PLACEHOLDER streams/stages/wire."""
