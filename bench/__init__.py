"""Measurements, each beside a named anchor in the same run (performance.md 3)."""
