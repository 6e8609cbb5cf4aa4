"""A program beside the server: keeps a folder of this machine in step with a server, over its HTTP API (ADR 0033)."""
