"""How events are packed into what is posted."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from odimra.events import Rendered
from odimra.events.payload import FRAME, pack


def event(text: str) -> Rendered:
    return Rendered({"MessageId": "TaskEvent.1.0.TaskStarted", "Message": text}, "", "Task")


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=200))),
    st.text(max_size=50),
    st.integers(1, 5),
)
def test_payloads_keep_order_bounds_and_every_wanted_event(
    texts: list[str | None], context: str, most: int
) -> None:
    events = [(f"{n}-0", None if text is None else event(text)) for n, text in enumerate(texts)]
    longest = FRAME + 4096
    payloads = list(pack(events, context, longest=longest, most=most))
    shown = [json.loads(one.body) for one in payloads if one.body is not None]
    records = [record for payload in shown for record in payload["Events"]]
    assert [record["Message"] for record in records] == [one for one in texts if one is not None]
    assert all(len(one.body) <= longest for one in payloads if one.body is not None)
    assert all(len(payload["Events"]) <= most for payload in shown)
    for payload in shown:
        indexes = [record["MemberId"] for record in payload["Events"]]
        assert indexes == [str(number) for number in range(len(indexes))]
        assert payload["Events@odata.count"] == len(indexes)
        # At the root only: in the records it is deprecated.
        assert payload["Context"] == context
        assert not any("Context" in record for record in payload["Events"])
    # Whatever is not wanted is done with too.
    assert [one.through for one in payloads][-1:] == [key for key, _ in events][-1:]


def test_a_payload_is_split_by_size() -> None:
    events = [(f"{n}-0", event("x" * 1000)) for n in range(10)]
    payloads = list(pack(events, "", longest=FRAME + 3500))
    assert [len(json.loads(one.body or b"")["Events"]) for one in payloads] == [3, 3, 3, 1]
    assert [one.through for one in payloads] == ["2-0", "5-0", "8-0", "9-0"]
