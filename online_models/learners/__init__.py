"""PLACEHOLDER online_models/learners."""
