"""A producer and a consumer of nearline in Python, for confluent-kafka.

`python sample.py send TITLE VIEWER...` and `python sample.py lists`. NEARLINE_BROKERS: address of Kafka
(127.0.0.1:19092); NEARLINE_TOPIC_PREFIX: prefix of all topics.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

BROKERS = os.environ.get("NEARLINE_BROKERS", "127.0.0.1:19092")
PREFIX = os.environ.get("NEARLINE_TOPIC_PREFIX", "")
EVENTS, HOME = f"{PREFIX}viewing.events.v1", f"{PREFIX}recs.home.v1"


def send(title: str, viewers: list[str]) -> None:
    """Send a stop event for each viewer: fifty minutes of a title watched."""
    producer = Producer(
        {
            "bootstrap.servers": BROKERS,
            "partitioner": "murmur2_random",  # as in Java; the driver's default gives other partitions
            "enable.idempotence": True,
        }
    )
    refused: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    for viewer in viewers:
        event = {
            "type": "stop",
            "event_id": str(uuid.uuid4()),  # a duplicate with the same id is not counted again
            "viewer_id": viewer,
            "event_time_ms": time.time_ns() // 1_000_000,
            "title_id": title,
            "watched_s": 3000,
            "position_s": 3000,
        }
        value = json.dumps(event, ensure_ascii=False).encode()
        producer.produce(EVENTS, key=viewer.encode(), value=value, on_delivery=delivered)
    if producer.flush(30) or refused:
        sys.exit(f"not delivered: {refused or 'no answer within 30 s'}")


def lists() -> None:
    """Print the newest page of every viewer, in the current topic."""
    pages: dict[str, dict[str, object]] = {}
    for message in _until_the_end():
        viewer, value = message.key().decode(), message.value()
        if value is None:  # a tombstone: forget this viewer
            pages.pop(viewer, None)
            continue
        page = json.loads(value)
        if page["seq"] > pages.get(viewer, {"seq": 0})["seq"]:
            pages[viewer] = page
    now = time.time() * 1000
    for viewer, page in pages.items():
        if page["expires_at_ms"] > now:
            titles = [item["title_id"] for row in page["rows"] for item in row["items"]]
            print(json.dumps({"viewer_id": viewer, "seq": page["seq"], "titles": titles}))


def _until_the_end() -> Iterator[Message]:
    """Yield the records of recs.home.v1 up to its current end; a service would run on."""
    consumer = Consumer(
        {
            "bootstrap.servers": BROKERS,
            "group.id": "sample",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",  # pages are written in transactions
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(HOME, timeout=10).topics[HOME].partitions
    consumer.assign([TopicPartition(HOME, number, OFFSET_BEGINNING) for number in partitions])
    ended: set[int] = set()
    while len(ended) < len(partitions):
        message = consumer.poll(10)
        if message is None:
            sys.exit("the broker does not answer")
        if message.error() is None:
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            ended.add(message.partition())
        else:
            sys.exit(message.error().str())
    consumer.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["send", title, *viewers] if viewers:
            send(title, viewers)
        case ["lists"]:
            lists()
        case _:
            sys.exit("sample.py send TITLE VIEWER... | sample.py lists")
