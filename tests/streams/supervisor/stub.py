"""A process that answers as a worker does, and does what a test says: `python stub.py FOLDER`.

In the folder the file ``ready`` makes it ready, ``code`` has the code with which it ends at once, and
``deaf`` makes it ignore SIGTERM.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[-1])
METRICS = f"""\
# TYPE nearline_build_info gauge
nearline_build_info{{version="9.9"}} 1
# TYPE nearline_lists counter
nearline_lists_total {os.getpid()}
"""


class Handler(BaseHTTPRequestHandler):
    """Answers like a worker."""

    def do_GET(self) -> None:
        """Answer."""
        ready = (FOLDER / "ready").exists()
        status, body = {
            "/livez": (200, "alive\n"),
            "/readyz": (200, "ready\n") if ready else (503, "viewers partition 2: 5 of 9 left\n"),
            "/metrics": (200, METRICS),
        }[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    if (FOLDER / "code").exists():
        sys.exit(int((FOLDER / "code").read_text()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN if (FOLDER / "deaf").exists() else lambda *_: os._exit(0))
    HTTPServer(("127.0.0.1", int(os.environ["NEARLINE_HTTP_PORT"])), Handler).serve_forever()
