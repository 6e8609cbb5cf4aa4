"""Trades refresh tokens in a process of its own; started by tests, as `python refresh_worker.py THREADS`.

Each line of its input is a token. All threads trade it at once, and one line of output has what they got: the
successors that were seen, or the codes of refusals.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tutti import settings
from tutti.domain.errors import AppError
from tutti.wiring.core import Core, open_core


def trade(core: Core, token: str, together: Barrier) -> str:
    """Return the successor of a token, or the code of the refusal."""
    together.wait()
    try:
        return core.sessions.refresh(token).refresh_token
    except AppError as error:
        return error.code


def main(threads: int) -> None:
    """Trade until the input ends."""
    together = Barrier(threads)
    with open_core(settings.load()) as core, ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            found = pool.map(trade, [core] * threads, [line.strip()] * threads, [together] * threads)
            sys.stdout.write(" ".join(sorted(set(found))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
