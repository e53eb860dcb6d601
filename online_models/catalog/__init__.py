"""PLACEHOLDER online_models/catalog."""
