"""Any bytes in answer to a ClientHello: a classified error within the deadline, and no exception."""

from __future__ import annotations

import asyncio
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.tls.facts import TlsTarget
from pointsman.probes.wire.tls.judge import judge
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import cases, policy_of
from tls_wire_kit import Visits, answering, record

USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")
DEADLINE_S = 0.6
ERRORS = {"reset", "alert", "not-tls", "protocol", "timeout"}

_BODIES = st.binary(max_size=300)
# messages with a true header reach further into a client than noise does
_MESSAGES = st.builds(
    lambda kind, body, lie: bytes([kind]) + (len(body) + lie).to_bytes(3) + body,
    st.sampled_from([0, 1, 2, 4, 8, 11, 12, 13, 14, 15, 20, 22, 24, 254]),
    _BODIES,
    st.sampled_from([0, 0, 0, 1, 1000]),
)
_HELLOS = st.builds(
    lambda version, session, cipher, extensions: (
        b"\x02"
        + (38 + len(session) + 2 + len(extensions)).to_bytes(3)
        + b"\x03"
        + bytes([version])
        + bytes(32)
        + bytes([len(session)])
        + session
        + cipher
        + b"\x00"
        + len(extensions).to_bytes(2)
        + extensions
    ),
    st.sampled_from([1, 3, 4]),
    st.binary(max_size=32),
    st.sampled_from([b"\x13\x01", b"\xc0\x2f", b"\xc0\x2b", b"\x00\x2f", b"\xff\xff"]),
    st.binary(max_size=60),
)
_RECORDS = st.builds(record, st.sampled_from([20, 21, 22, 23, 24, 0, 255]), _MESSAGES | _HELLOS | _BODIES)
ANSWERS = st.lists(_RECORDS, max_size=4).map(b"".join) | _BODIES


@given(answer=ANSWERS, ends=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_answer_is_classified(answer: bytes, ends: bool) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        await writer.drain()
        while not ends and await reader.read(65536):
            pass

    async def ask() -> None:
        visits = Visits()
        async with answering(handle, visits=visits) as port:
            began = time.monotonic()
            facts = await observe(
                TlsTarget("127.0.0.1", port, USUAL.ask.host, attempts=1, timeout_s=DEADLINE_S)
            )
            assert time.monotonic() - began < DEADLINE_S + 2
            await asyncio.sleep(0.01)
            assert visits.open == 0
        for one in (facts.named[0], facts.random_name, facts.no_name):
            assert one is not None
            assert one.error in ERRORS
            assert one.error_detail
            assert one.error_detail.isprintable()
            assert one.error != "timeout" or not ends
        assert worst(one.verdict for one in judge(facts, policy_of(USUAL.fixture))) is Verdict.FAIL

    asyncio.run(ask())
