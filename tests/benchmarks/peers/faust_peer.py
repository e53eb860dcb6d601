"""The peers' job as an ordinary Faust app: an agent, a table with a changelog, a topic of lists.

At least once: Faust commits what an agent has acknowledged; its table in memory is rebuilt from a topic.
"""

import sys
from typing import Any

import faust
import orjson
from numpy_model import Count, Model, arguments


def main() -> None:
    """Run until all events are answered."""
    given = arguments()
    app = faust.App(
        given["group"],
        broker=f"kafka://{given['brokers']}",
        store="memory://",
        datadir=given["folder"],
        topic_partitions=4,
        topic_allow_declare=False,  # its request to create topics is too old for Kafka 4
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        producer_compression_type="lz4",
    )
    events = app.topic(given["events"], key_serializer="raw", value_serializer="raw")
    lists = app.topic(given["lists"], key_serializer="raw", value_serializer="raw")
    viewers = app.Table("viewers", key_type=bytes, value_type=bytes)
    model, count = Model(), Count(given["count"])

    @app.agent(events)
    async def refresh(stream: Any) -> None:
        async for key, value in stream.items():
            row, page = model.take(orjson.loads(value), viewers.get(key))
            viewers[key] = row
            await lists.send(key=key, value=page)
            count.add()

    sys.argv = ["peer", "worker", "-l", "error", "--without-web"]
    app.main()


if __name__ == "__main__":
    main()
