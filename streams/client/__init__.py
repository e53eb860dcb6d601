"""A client of nearline for Python programs: pages over HTTP, events over HTTP or Kafka.

>>> from schemas import Play
>>> from streams.client import EventSender, ServeClient

`ServeClient` talks to `nearline serve`: typed pages, lists and titles, and events, with retries.
`EventSender` sends events to Kafka, keyed and partitioned as the contract has it. Both check an event before
it leaves, with the decoder of the workers: constructing an event checks nothing.

* `streams.client.http`: the client of `nearline serve`.
* `streams.client.kafka`: the sender to Kafka.
"""

from streams.client.http import ServeClient, ServedPage
from streams.client.kafka import EventSender

__all__ = ["EventSender", "ServeClient", "ServedPage"]
