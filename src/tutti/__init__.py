"""Tutti: one core, many doors, for the music you own."""

__version__ = "0.1.0"
