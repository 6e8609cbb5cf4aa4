"""The product's own API below /api/v1."""
