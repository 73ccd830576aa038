"""The door of a lever, as an application offers it on loopback: HTTP and JSON.

	GET  /flag                      {"value": "source"}
	PUT  /flag                      takes {"value": "hold", "epoch": 7}; answers what it then stands at
	GET  /flag/drained?epoch=7      {"drained": true}

409 refuses an epoch older than one that was seen, 400 a word that it does not know, 503 says that it cannot tell now.
test/peer/lever is the same as a command.
"""

import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit


class Older(Exception):
    """An epoch that is older than one seen before."""


class Unknown(Exception):
    """A word that this lever does not know."""


class Door:
    """`levers`: name -> an object with get(), set(word, epoch or None) and, maybe, drained(epoch)."""

    def __init__(self, port, levers):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(levers))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def handler(levers):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1           # head and body in one packet
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def give(self, status, **body):
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def answer(self, what):
            asked = urlsplit(self.path)
            name, _, question = asked.path.strip("/").partition("/")
            lever = levers.get(name)
            if lever is None or question not in ("", "drained"):
                return self.give(404, error="no such lever")
            try:
                return what(lever, question, parse_qs(asked.query))
            except Older as older:
                return self.give(409, error=str(older))
            except (Unknown, ValueError) as unknown:
                return self.give(400, error=str(unknown))
            except OSError as silent:
                return self.give(503, error=str(silent))

        def do_GET(self):
            def what(lever, question, words):
                if question == "drained":
                    epoch = words.get("epoch", [None])[0]
                    return self.give(200, drained=lever.drained(None if epoch is None else int(epoch)))
                return self.give(200, value=lever.get())
            self.answer(what)

        def do_PUT(self):
            def what(lever, _question, _words):
                asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                epoch = asked.get("epoch")
                lever.set(asked["value"], None if epoch is None else int(epoch))
                return self.give(200, value=lever.get())
            self.answer(what)

    return Handler
