"""PLACEHOLDER online_models/artwork."""
