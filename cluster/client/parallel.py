"""Several requests at once, on threads that never keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_THREADS = 8


def in_parallel(
    work: Callable[[Item], Answer], items: Iterable[Item], threads: int = _THREADS
) -> list[Answer]:
    """``work`` of every item, in their order. The first error that came is raised once all have ended."""
    todo: SimpleQueue[tuple[int, Item]] = SimpleQueue()
    count = 0
    for count, item in enumerate(items, start=1):
        todo.put((count - 1, item))
    answers: dict[int, Answer] = {}
    errors: list[BaseException] = []

    def worker() -> None:
        while not errors:
            try:
                number, item = todo.get_nowait()
            except Empty:
                return
            try:
                answers[number] = work(item)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                errors.append(error)

    helpers = [
        threading.Thread(target=worker, name=f"pointsman-parallel-{number}", daemon=True)
        for number in range(min(threads, count) - 1)
    ]
    for helper in helpers:
        helper.start()
    worker()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return [answers[number] for number in range(count)]
