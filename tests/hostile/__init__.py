"""Hostile records: a battery of what strangers may write to the topics that we read. `README.md` says how."""
