"""The packed form of a done job: nothing is lost, whatever stands in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.core.jobs import Job
from workers.ledger.accept import record_of
from workers.ledger.packed import MOST_WORDS, content, dictionary, dictionary_of, is_packed, pack, unpack
from workers.ledger.records import Head, read_body

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
jobs = st.builds(
    lambda payload, title, trace: Job(
        "events.create", {"payload": payload}, producer="http", title=title, trace=trace
    ),
    st.dictionaries(st.text(), values, max_size=4),
    st.text(),
    st.text(alphabet="0123456789abcdef-"),
)
histories = st.lists(
    st.tuples(st.integers(0, 2**42), st.sampled_from(["waiting", "done"]), st.integers(0, 2**40)), max_size=4
).map(
    lambda notes: b"".join(b'%d %b {"event_id":%d}\n' % (ms, state.encode(), id_) for ms, state, id_ in notes)
)


@given(jobs, histories, st.integers(0, 1000), st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_packed_is_there_again(job: Job, history: bytes, attempts: int, samples: list[bytes]) -> None:
    record = b"1700000000000\n" + record_of(job)
    words = dictionary(samples)
    packed = pack(record, history, attempts, name="0a1b2c3d", words=words)
    assert is_packed(packed)
    assert not is_packed(record)
    assert dictionary_of(packed) == "0a1b2c3d"
    again, progress = unpack(packed, words)
    assert again.split(b"\n", 6)[:6] == record.split(b"\n", 6)[:6]
    assert read_body(Head.read(again).body) == job.arguments
    assert progress == {b"state": b"done", b"attempts": b"%d" % attempts, b"history": history}


def test_an_earlier_version_can_list_a_packed_job(example_payload: dict[str, object]) -> None:
    job = Job("events.create", {"payload": example_payload}, producer="http", title="An event")
    head = Head.read(pack(b"1700000000000\n" + record_of(job), b"", 1, name="0a1b2c3d", words=b""))
    assert (head.accepted_ms, head.kind, head.queue, head.producer, head.title) == (
        1_700_000_000_000,
        "events.create",
        "events",
        "http",
        "",
    )


def test_jobs_that_are_alike_take_a_third(example_payload: dict[str, object]) -> None:
    def record(number: int) -> bytes:
        payload = {**example_payload, "identity": f"user-{number}@co.com", "uri_source": f"10.0.{number}.1"}
        return b"1700000000000\n" + record_of(Job("events.create", {"payload": payload}, producer="http"))

    words = dictionary([content(record(number), b"") for number in range(8)])
    assert len(words) <= MOST_WORDS
    assert len(pack(record(99), b"", 1, name="0a1b2c3d", words=words)) * 3 < len(record(99))
