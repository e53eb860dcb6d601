"""PLACEHOLDER online_models/feedback."""
