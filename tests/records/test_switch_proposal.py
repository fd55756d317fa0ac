"""The last look before the switch: every authoritative server is asked, and a differing one is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pointsman.checklists.records.base import RecordReadError
from pointsman.checklists.records.providers import provider_for
from pointsman.checklists.running.proposals import Proposals
from pointsman.cluster.errors import UserError
from records_kit import HOST, NEW, OLD, OLD6, a_plan, a_set, change_of
from records_world import DnsWorld, dns_worlds


@pytest.fixture
def second(tmp_path: Path) -> Iterator[DnsWorld]:
    (tmp_path / "second").mkdir()
    with dns_worlds(tmp_path / "second") as world:
        yield world


def proposals(*servers: str) -> Proposals:
    plan = a_plan("show", servers)
    return Proposals(plan, provider_for(plan))


async def test_servers_that_agree_are_switched(dns_world: DnsWorld, second: DnsWorld) -> None:
    change = await proposals(dns_world.at, second.at).switch()
    assert change == change_of(a_set(OLD, 1), to=(a_set(NEW, 1),))


@pytest.mark.parametrize(
    ("kind", "value", "ttl", "says"),
    [
        ("A", "192.0.2.66", 1, f"serves 192.0.2.66 as A of {HOST}"),
        ("AAAA", OLD6, 1, f"serves {OLD6} as AAAA of {HOST}"),
        ("HTTPS", '1 . alpn="h3"', 1, "as HTTPS"),
        ("A", OLD, 900, "has a TTL of 900 s again"),
    ],
)
async def test_a_server_that_differs_is_named(
    dns_world: DnsWorld, second: DnsWorld, kind: str, value: str, ttl: int, says: str
) -> None:
    second.set(kind, value, ttl)
    with pytest.raises(UserError, match=says) as caught:
        await proposals(dns_world.at, second.at).switch()
    assert second.at in str(caught.value)
    # whichever of them is written to
    with pytest.raises(UserError):
        await proposals(second.at, dns_world.at).switch()


async def test_a_server_that_does_not_answer_is_no_agreement(dns_world: DnsWorld) -> None:
    with pytest.raises(RecordReadError, match=r"127\.0\.0\.1:9 "):
        await proposals(dns_world.at, "127.0.0.1:9").switch()
