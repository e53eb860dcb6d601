"""The way of a stored page past the framework: what is asked most is answered first.

A page that is there and asked for without parameters needs no parameter checked and nothing injected. All
else goes on to the routes, which answer the same for what is answered here.
"""

from typing import Final, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from streams.serve.api.routes import stored
from streams.serve.mirror.mirror import Mirror

__all__ = ["StoredPages"]

BEGIN: Final = "/v1/viewers/"
END: Final = "/home"
LONGEST: Final = 64
"""Characters of an id, as in the contracts."""


class _Route(NamedTuple):
    path: str


ROUTE: Final = _Route(f"{BEGIN}{{viewer_id:path}}{END}")
"""As the route is called in the metrics."""


class StoredPages:
    """ASGI middleware between the gate and the routes.

    Parameters
    ----------
    app
        What is behind it.
    mirror
        Where the pages are.
    """

    def __init__(self, app: ASGIApp, mirror: Mirror) -> None:
        self._app, self._mirror = app, mirror

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a stored page, or hand the request on."""
        path: str = scope.get("path", "")
        if (
            path.startswith(BEGIN)
            and path.endswith(END)
            and scope.get("method") == "GET"
            and not scope["query_string"]
            and self._mirror.ready
        ):
            viewer_id = path[len(BEGIN) : -len(END)]
            found = self._mirror.page(viewer_id) if 0 < len(viewer_id) <= LONGEST else None
            if found is not None:
                scope["route"] = ROUTE
                given = next((v for k, v in scope["headers"] if k == b"if-none-match"), None)
                answer = stored(found, None if given is None else given.decode("latin-1"))
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
