"""Forks processes in which many threads meet their first objects and events together. Run by the tests."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from pointsman.checklists.machine.events import EVENT_TYPES, event_from_json
from pointsman.cluster.decode import decode_event, decode_list, decode_object
from pointsman.cluster.errors import UserError
from pointsman.cluster.kinds import KINDS

BODY = b'{"metadata":{"name":"a","namespace":"b","labels":{"x":"y"}},"spec":{},"status":{}}'


def race() -> None:
    sys.setswitchinterval(1e-6)
    together = threading.Barrier(len(KINDS))

    def first_objects(start: int) -> None:
        together.wait()
        for spec in KINDS[start:] + KINDS[:start]:
            decode_list(spec, "v1", b'{"metadata":{},"items":[%s]}' % BODY)
            decode_event(b'{"type":"ADDED","object":%s}' % BODY)
            assert decode_object(spec, "v1", BODY)[0] == spec.part
        for name in EVENT_TYPES:
            # nothing fits: the types are learned all the same
            with contextlib.suppress(UserError):
                event_from_json({"event": name})

    threads = [threading.Thread(target=first_objects, args=(start,)) for start in range(len(KINDS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    for _ in range(int(sys.argv[1])):
        child = os.fork()
        if child == 0:
            race()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status:
            print("ended by signal", os.WTERMSIG(status))


if __name__ == "__main__":
    main()
