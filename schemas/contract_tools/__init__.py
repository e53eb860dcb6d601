"""PLACEHOLDER schemas/contract_tools."""
