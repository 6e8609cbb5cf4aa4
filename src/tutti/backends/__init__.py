"""Outbound: the implementations of the ports."""
