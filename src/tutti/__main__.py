"""Lets `python -m tutti` be `tutti`."""

from tutti.cli import main

main()
