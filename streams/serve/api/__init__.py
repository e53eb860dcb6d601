"""The HTTP interface for programs: `/v1`, probes and metrics.

* :mod:`~streams.serve.api.routes`: lists, live streams, events in; probes; the fast path for stored pages.
* :mod:`~streams.serve.api.experiments`, :mod:`~streams.serve.api.insights`: routes of experiments and
  insights.
* :mod:`~streams.serve.api.lists`: lists that are made on request: pages of cold-start viewers, similar
  titles, search.
* :mod:`~streams.serve.api.live`: server-sent events of a viewer's pages.
* :mod:`~streams.serve.api.posting`: events that came in over HTTP, produced to Kafka.
* :mod:`~streams.serve.api.description`: the OpenAPI document.
"""
