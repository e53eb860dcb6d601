"""Settings and their names; the only reader of the environment.

* `streams.config.settings`: every setting, its range and default; tenants.
* `streams.config.variables`: names of the environment variables, and suggestions for misspelt ones.
"""
