"""Tutti: one core, many doors, for the music you own."""
