"""The hop: how an async handler calls one use case in a worker thread."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from tutti.domain.errors import AppError, ErrorKind

P = ParamSpec("P")
T = TypeVar("T")


class Hop:
    """A bounded pool of threads; whoever finds the queue full is told so at once instead of waiting.

    A cancelled handler does not stop its use case, which finishes or fails whole.
    """

    def __init__(self, *, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hop")
        self._room = threads + queue
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many use cases run or wait."""
        return self._busy

    async def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a thread, with the context variables of this task.

        Raises:
            AppError: BUSY `server_busy` when too many are waiting; whatever `function` raises.
        """
        if self._busy >= self._room:
            raise AppError(ErrorKind.BUSY, "server_busy", "The server is busy; try again in a moment.")
        self._busy += 1
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, partial(context.run, partial(function, *args, **kwargs))
        )
        future.add_done_callback(self._leave)
        return await asyncio.shield(future)

    def _leave(self, future: "asyncio.Future[T]") -> None:
        self._busy -= 1
        if not future.cancelled():
            future.exception()  # a handler that was cancelled has nobody left to read it

    def close(self) -> None:
        """Wait for what is running and start nothing more."""
        self._pool.shutdown(cancel_futures=True)
