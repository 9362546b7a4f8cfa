"""The wake-up, compared with what Celery itself would have sent."""

from __future__ import annotations

import base64
import json

from celery import Celery

from workers.ledger.wake_up import WAKE_UP_ID, task_name, wake_up


def test_a_wake_up_is_the_message_that_celery_itself_would_send() -> None:
    # Given the message that Celery would send for the task of a queue
    app = Celery("contract", broker="memory://")
    theirs = app.amqp.as_task_v2(WAKE_UP_ID, task_name("events"), args=(), kwargs={}, ignore_result=True)
    with app.connection() as connection, connection.channel() as channel:
        body = json.loads(json.dumps(theirs.body))
        envelope = channel.prepare_message("", content_type="application/json", content_encoding="utf-8")
    # When the wake-up is read as a worker reads it
    ours = json.loads(wake_up("events"))
    # Then it says the same, apart from who sent it
    assert ours["headers"] | {"origin": ""} == theirs.headers | {"origin": ""}
    assert json.loads(base64.b64decode(ours["body"])) == body
    assert ours["properties"].keys() >= {
        "correlation_id",
        "reply_to",
        "delivery_info",
        "body_encoding",
        "priority",
    }
    assert ours["properties"]["body_encoding"] == "base64"
    assert set(envelope) <= set(ours)


def test_a_wake_up_has_no_event_data_and_one_place_for_its_id() -> None:
    text = wake_up("events")
    assert set(json.loads(text)["headers"]) & {"payload", "title"} == set()
    assert WAKE_UP_ID in text
