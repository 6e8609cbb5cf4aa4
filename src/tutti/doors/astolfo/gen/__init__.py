"""Written by scripts/proto from proto/*.proto; do not edit."""
