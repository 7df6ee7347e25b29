"""Enforcement: the configurations by which proxies that people already run ask Gatepost, one file for each proxy."""
