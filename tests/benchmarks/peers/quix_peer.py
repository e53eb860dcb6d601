"""The peers' job as an ordinary Quix Streams application, exactly once: state in RocksDB with a changelog.

Runs in an environment of its own (requirements.txt).
"""

from typing import Any

import orjson
from numpy_model import Count, Model, arguments
from quixstreams import Application, State


def main() -> None:
    """Run until all events are answered."""
    given = arguments()
    app = Application(
        broker_address=given["brokers"],
        consumer_group=given["group"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=1.0,
        state_dir=given["folder"],
        auto_create_topics=True,
        producer_extra_config={"compression.type": "lz4", "linger.ms": 20},
        loglevel="ERROR",
    )
    events = app.topic(given["events"], key_deserializer="bytes", value_deserializer="bytes")
    lists = app.topic(given["lists"], key_serializer="bytes", value_serializer="bytes")
    model, count = Model(), Count(given["count"])

    def refresh(value: bytes, state: State) -> bytes:
        row, page = model.take(orjson.loads(value), state.get_bytes("row"))
        state.set_bytes("row", row)
        return page

    def answered(_: Any) -> None:
        count.add()

    stream = app.dataframe(events).apply(refresh, stateful=True).to_topic(lists)
    stream.update(answered)
    app.run()


if __name__ == "__main__":
    main()
