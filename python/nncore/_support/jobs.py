"""A pool of threads that Ctrl-C ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeVar

from nncore._support.interrupt import InterruptGuard, stopped_by

Work = TypeVar("Work")
Result = TypeVar("Result")


def as_done(
    do: Callable[[Work], Result], work: Iterable[Work], jobs: int, guard: InterruptGuard
) -> Generator[tuple[Work, Result], None, None]:
    """Runs do(item) in a pool of `jobs` threads and yields (item, result) as they complete.

    With jobs = 1 the caller's thread does the work. `work` is iterated in the caller's thread, an item ahead only while
    fewer than 2 jobs items are waiting or running. If this iteration ends early (exception, Ctrl-C, close), the fits in
    the threads are ended through the guard and waited for.
    """

    def guarded(item: Work) -> Result:
        with stopped_by(guard):
            return do(item)

    if jobs == 1:
        for item in work:
            guard.check()
            yield item, guarded(item)
        return

    pending: dict[Future[Result], Work] = {}
    done: SimpleQueue[Future[Result]] = SimpleQueue()

    def collect() -> tuple[Work, Result]:
        while True:
            with contextlib.suppress(Empty):
                # With a timeout: a signal just before the wait, or in another thread, would not end it.
                future = done.get(timeout=0.1)
                return pending.pop(future), future.result()

    with ThreadPoolExecutor(jobs, "nncore-job") as pool:
        try:
            for item in work:
                while len(pending) >= 2 * jobs:
                    yield collect()
                guard.check()
                future = pool.submit(guarded, item)
                pending[future] = item
                future.add_done_callback(done.put)
            while pending:
                yield collect()
        except BaseException:
            guard.request()
            pool.shutdown(cancel_futures=True)
            raise
