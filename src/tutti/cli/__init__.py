"""The command line: parses, calls the wiring, prints."""

import gc


def main() -> None:
    """Run the command line."""
    # Importing makes much and drops little: collecting meanwhile costs a tenth of a start.
    gc.disable()
    from tutti.cli.app import run  # noqa: PLC0415 - what is imported here is what must not be collected

    gc.freeze()
    gc.enable()
    run()
