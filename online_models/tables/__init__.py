"""PLACEHOLDER online_models/tables."""
