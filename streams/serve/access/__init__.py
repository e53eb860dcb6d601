"""Who may ask for what: the checks that every request passes before a route.

* :mod:`~streams.serve.access.middleware`: all checks in their order (host, rate, authentication, origin,
  size), and the headers of every response.
* :mod:`~streams.serve.access.sessions`: authentication by a key or by a signed session cookie.
* :mod:`~streams.serve.access.key_ring`: the keys, and who tries wrong ones.
* :mod:`~streams.serve.access.permissions`: which scopes of a key open which route.
* :mod:`~streams.serve.access.connections`: how long a client may take, how many connections it may hold.
* :mod:`~streams.serve.access.rate_limits`: requests per second of one address or key.
"""
