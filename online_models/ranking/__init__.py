"""PLACEHOLDER online_models/ranking."""
