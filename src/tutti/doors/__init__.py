"""Inbound: one folder for each wire protocol."""
