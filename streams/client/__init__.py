"""A client of nearline for Python programs: pages and events over HTTP or Kafka.

>>> from schemas import Play
>>> from streams.client import EventSender, PageReader, ServeClient
>>> from streams.client import AsyncEventSender, AsyncPageReader, AsyncServeClient

`ServeClient` talks to `nearline serve`: typed pages, lists and titles, and events, with retries.
`EventSender` sends events to Kafka, keyed and partitioned as the contract has it. Both check an event before
it leaves, with the decoder of the workers: constructing an event checks nothing. `PageReader` reads all pages
from Kafka. The others do the same for programs with an event loop.

* `streams.client.calls`: the requests, how answers are read, and when a request is repeated.
* `streams.client.http`: the client of `nearline serve`.
* `streams.client.kafka`: the sender to Kafka.
* `streams.client.pages`: the reader of pages from Kafka.
* `streams.client.asynchronous`: all of them, awaited.
"""

from streams.client.asynchronous import AsyncEventSender, AsyncPageReader, AsyncServeClient
from streams.client.calls import ServedPage
from streams.client.http import ServeClient
from streams.client.kafka import EventSender
from streams.client.pages import PageReader, PublishedPage

__all__ = [
    "AsyncEventSender", "AsyncPageReader", "AsyncServeClient", "EventSender", "PageReader", "PublishedPage",
    "ServeClient", "ServedPage",
]  # fmt: skip
