"""One count out of many counters: what a process lost is said, what it did not lose is not."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.watching.traffic.counters import Counters, Look, PodLook
from pointsman.probes.watching.traffic.facts import Counts
from pointsman.probes.watching.traffic.families import FAMILIES, measure

NGINX = FAMILIES["ingress-nginx"]
HOSTS = ("a.test", "b.test")


@dataclass
class Process:
    """A pod of ingress-nginx: counts by host and status, born at their first request."""

    name: str
    restarts: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: bool = True

    def serve(self, host: str, status: str, count: int) -> None:
        self.counts[host, status] = self.counts.get((host, status), 0) + count

    def restart(self) -> None:
        self.restarts += 1
        self.counts.clear()

    def look(self, *, tells_restarts: bool) -> PodLook:
        restarts = self.restarts if tells_restarts else 0
        if not self.answers:
            return PodLook(self.name, self.name, restarts, problem="no answer")
        lines = [
            f'nginx_ingress_controller_requests{{host="{host}",status="{status}"}} {count}'
            for (host, status), count in self.counts.items()
        ]
        body = "\n".join(["nginx_ingress_controller_success 1", *lines])
        return PodLook(self.name, self.name, restarts, measure(NGINX, body.encode()))


_served = st.tuples(
    st.integers(0, 3), st.sampled_from(HOSTS), st.sampled_from(("200", "404", "503")), st.integers(1, 9)
)
_step = st.fixed_dictionaries(
    {
        "serve": st.lists(_served, max_size=4),
        "after": st.lists(
            st.tuples(st.sampled_from(("restart", "end", "begin", "deaf", "hears")), st.integers(0, 3)),
            max_size=2,
        ),
        "before": st.lists(
            st.tuples(st.sampled_from(("restart", "end", "begin")), st.integers(0, 3)), max_size=1
        ),
    }
)


class Fleet:
    """Pods that come, restart and go; and the truth of what they have served since the first look."""

    def __init__(self, *, tells_restarts: bool) -> None:
        self.tells_restarts = tells_restarts
        self.pods = [Process("pod-0"), Process("pod-1")]
        self.begun = 2
        self.looked_at: set[str] = set()
        self.truth = {"requests": 0, "errors_5xx": 0, "not_found": 0}
        self.by_host = dict.fromkeys(HOSTS, 0)
        self.counters = Counters("test")
        self.at = 0.0

    def serve(self, number: int, host: str, status: str, count: int) -> None:
        if not self.pods:
            return
        self.pods[number % len(self.pods)].serve(host, status, count)
        self.truth["requests"] += count
        self.truth["errors_5xx"] += count * (status == "503")
        self.truth["not_found"] += count * (status == "404")
        self.by_host[host] += count

    def happens(self, what: str, number: int) -> None:
        if what == "begin" and len(self.pods) < 4:
            self.pods.append(Process(f"pod-{self.begun}"))
            self.begun += 1
        if not self.pods:
            return
        pod = self.pods[number % len(self.pods)]
        if what == "restart":
            pod.restart()
        elif what == "end" and pod.name in self.looked_at:
            # one that comes and goes between two looks is seen by nobody
            self.pods.remove(pod)
        elif what in ("deaf", "hears"):
            pod.answers = what == "hears"

    def look(self) -> None:
        self.at += 10.0
        self.looked_at |= {pod.name for pod in self.pods}
        looks = tuple(pod.look(tells_restarts=self.tells_restarts) for pod in self.pods)
        self.counters = self.counters.add(Look(self.at, looks))


def check(fleet: Fleet) -> Counts:
    reading = fleet.counters.reading(HOSTS)
    total = reading.total
    assert total.requests is not None
    assert total.requests <= fleet.truth["requests"]
    for host, counts in reading.hosts.items():
        assert counts.requests is not None
        assert counts.requests <= fleet.by_host[host]
    if reading.complete:
        told = {"requests": total.requests, "errors_5xx": total.errors_5xx, "not_found": total.not_found}
        assert told == fleet.truth
    return total


def not_less(now: Counts, before: Counts) -> bool:
    return all(
        (getattr(now, name) or 0) >= (getattr(before, name) or 0)
        for name in ("requests", "errors_5xx", "not_found")
    )


@given(st.lists(_step, min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_equals_the_truth_where_processes_end_right_after_a_look(steps: list[dict[str, list]]) -> None:  # type: ignore[type-arg]
    fleet = Fleet(tells_restarts=True)
    fleet.look()
    before = Counts(0.0, 0.0, 0.0)
    for step in steps:
        for served in step["serve"]:
            fleet.serve(*served)
        fleet.look()
        total = check(fleet)
        assert not_less(total, before)
        before = total
        # nothing was served since the look: nothing can be lost
        assert total.requests == fleet.truth["requests"]
        for what, number in step["after"]:
            if what in ("restart", "end", "begin"):
                fleet.happens(what, number)


@given(st.lists(_step, min_size=1, max_size=12), st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_may_be_missing_is_said(steps: list[dict[str, list]], tells_restarts: bool) -> None:  # type: ignore[type-arg]
    fleet = Fleet(tells_restarts=tells_restarts)
    fleet.look()
    before = Counts(0.0, 0.0, 0.0)
    since_unbroken: dict[float, tuple[float, int]] = {}
    for step in steps:
        for number, served in enumerate(step["serve"]):
            fleet.serve(*served)
            # in the middle of what is served, so that something may be lost
            for what, which in step["before"] if number == 0 else ():
                # a restart that nothing tells, and after which more is served than before, cannot be seen
                if what != "restart" or tells_restarts:
                    fleet.happens(what, which)
        fleet.look()
        total = check(fleet)
        assert not_less(total, before)
        before = total
        reading = fleet.counters.reading()
        since_unbroken.setdefault(fleet.at, (total.requests or 0, fleet.truth["requests"]))
        if reading.unbroken_since is not None:
            counted, truth = since_unbroken[reading.unbroken_since] if reading.unbroken_since > 10 else (0, 0)
            # from there on nothing is missing
            assert (total.requests or 0) - counted == fleet.truth["requests"] - truth
        for what, number in step["after"]:
            if what != "restart" or tells_restarts:
                fleet.happens(what, number)


def looked(*bodies: str, restarts: int = 0) -> Counters:
    counters = Counters("test")
    for number, body in enumerate(bodies):
        look = PodLook("uid", "pod", restarts, measure(NGINX, body.encode()))
        counters = counters.add(Look(10.0 * number, (look,)))
    return counters


ALIVE = "nginx_ingress_controller_success 1\n"


def series(count: float, status: str = "200", host: str = "a.test", extra: str = "") -> str:
    return f'nginx_ingress_controller_requests{{host="{host}",status="{status}"{extra}}} {count}\n'


def test_a_counter_born_between_two_looks_counts_whole() -> None:
    assert looked(ALIVE, ALIVE + series(1, "503")).reading().total.errors_5xx == 1
    assert looked(ALIVE + series(5), ALIVE + series(5) + series(2, "404")).reading().total.not_found == 2


def test_what_was_there_at_the_first_look_is_not_counted() -> None:
    reading = looked(ALIVE + series(1000)).reading(["a.test"])
    assert reading.total == Counts(0.0, 0.0, 0.0)
    assert reading.hosts["a.test"].requests == 0
    assert reading.complete


def test_a_host_of_which_no_counter_was_seen_is_absent_and_not_zero() -> None:
    assert "b.test" not in looked(ALIVE + series(1), ALIVE + series(3)).reading(["a.test", "b.test"]).hosts


def test_a_counter_that_is_gone_is_said() -> None:
    reading = looked(ALIVE + series(5) + series(7, host="b.test"), ALIVE + series(6)).reading()
    assert reading.total.requests == 1
    assert not reading.complete
    assert reading.unbroken_since == 10.0
    assert "an Ingress or a route was removed" in reading.problems[0]


def test_a_counter_that_fell_goes_on() -> None:
    reading = looked(ALIVE + series(50), ALIVE + series(60), ALIVE + series(4)).reading()
    assert reading.total.requests == 14
    assert not reading.complete


def test_a_restart_that_counted_past_the_old_value_is_told_by_its_start() -> None:
    started = "process_start_time_seconds {}\n"
    reading = looked(
        ALIVE + series(5) + started.format(100), ALIVE + series(9) + started.format(900)
    ).reading()
    assert reading.total.requests == 9
    assert not reading.complete


def test_a_silent_pod_is_missing_until_it_speaks_again() -> None:
    one, two = PodLook("1", "one", 0, measure(NGINX, (ALIVE + series(1)).encode())), PodLook("2", "two")
    heard = PodLook("2", "two", 0, measure(NGINX, (ALIVE + series(30)).encode()))
    more = PodLook("2", "two", 0, measure(NGINX, (ALIVE + series(34)).encode()))
    counters = Counters("test").add(Look(0.0, (one, heard)))
    silent = counters.add(Look(10.0, (one, two)))
    assert not silent.reading().complete
    assert silent.reading().unbroken_since is None
    again = silent.add(Look(20.0, (one, more))).reading()
    assert again.complete
    assert again.total.requests == 4


def test_after_a_loss_the_span_begins_when_every_pod_speaks() -> None:
    def look(name: str, count: int | None) -> PodLook:
        told = None if count is None else measure(NGINX, (ALIVE + series(count)).encode())
        return PodLook(name, name, 0, told)

    counters = Counters("test").add(Look(0.0, (look("a", 1), look("b", 1), look("c", 1))))
    # c ends while b is silent, which makes up for it later
    counters = counters.add(Look(10.0, (look("a", 2), look("b", None))))
    assert counters.reading().unbroken_since is None
    counters = counters.add(Look(20.0, (look("a", 3), look("b", 9))))
    assert counters.reading().unbroken_since == 20.0
    assert counters.reading().total.requests == 10


def test_nobody_could_say_which_pods_there_are() -> None:
    counters = looked(ALIVE + series(5), ALIVE + series(7)).add(
        Look(30.0, listed=False, problems=("not allowed",))
    )
    reading = counters.reading()
    assert reading.total.requests == 2
    assert reading.answered == 0
    assert not reading.complete
    assert reading.problems == ("not allowed",)


def test_a_page_that_is_no_metrics_has_not_answered() -> None:
    reading = looked("<html>hello</html>").reading()
    assert reading.answered == 0
    assert reading.total == Counts()
    assert "is ingress-nginx on that port and path?" in reading.problems[0]


def test_a_sum_over_processes_that_falls_shows_nothing_of_what_was_added() -> None:
    counters = Counters("test")
    for number, value in enumerate((100, 60, 65)):
        look = PodLook("", "sum", 0, measure(NGINX, (ALIVE + series(value)).encode()), summed=True)
        counters = counters.add(Look(10.0 * number, (look,)))
    assert counters.reading().total.requests == 5
    assert counters.reading().unbroken_since == 10.0
