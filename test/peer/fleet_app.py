"""One flag for several instances: python fleet_app.py FOLDER, with {"port": ..., "members": [url, ...]} in config.json.

`get` is what all members agree on; a `set` is answered once every member has it; `drained` is true when all of them
are.  A member that is down, silent or of another opinion makes the answer 503: it cannot be told.
"""

import http.client
import json
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from door import Door, Older, Unknown


class Member:
    """One instance's lever, over a connection that is kept; a thread of the door has its own."""

    def __init__(self, url, timeout):
        self.url, self.timeout, self.kept = urlsplit(url), timeout, threading.local()

    def ask(self, question="", body=None):
        known = getattr(self.kept, "connection", None)
        connection = known or http.client.HTTPConnection(self.url.netloc, timeout=self.timeout)
        self.kept.connection = None
        try:
            connection.request("GET" if body is None else "PUT", self.url.path + question, body)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as failed:
            connection.close()
            if known:       # it may have been closed by a member that has been born again since
                return self.ask(question, body)
            raise OSError(f"{self.url.netloc} is silent: {failed}") from failed
        self.kept.connection = connection
        if answer.status == 409:
            raise Older(text.decode())
        if answer.status == 400:
            raise Unknown(text.decode())
        if answer.status != 200:
            raise OSError(f"{self.url.netloc}: {answer.status} {text.decode()}")
        return json.loads(text)


class Fleet:
    def __init__(self, urls, timeout):
        self.members = [Member(url, timeout) for url in urls]
        self.hands = ThreadPoolExecutor(4 * len(urls))

    def all(self, *words):
        return list(self.hands.map(lambda member: member.ask(*words), self.members))

    def get(self):
        words = {answer["value"] for answer in self.all()}
        if len(words) > 1:
            raise OSError(f"the instances disagree: {', '.join(sorted(words))}")
        return words.pop()

    def set(self, word, epoch):
        self.all("", json.dumps({"value": word} if epoch is None else {"value": word, "epoch": epoch}))

    def drained(self, epoch):
        question = "/drained" + ("" if epoch is None else f"?epoch={epoch}")
        return all(answer["drained"] for answer in self.all(question))


def main(folder):
    config = json.loads((Path(folder) / "config.json").read_text())
    door = Door(config["port"], {"flag": Fleet(config["members"], config.get("timeout", 3))})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Event().wait()
    door.close()


if __name__ == "__main__":
    main(sys.argv[1])
