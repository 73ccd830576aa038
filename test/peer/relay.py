"""A wire tap: passes one broker's bytes on unchanged and keeps every frame that it sees.

    with Relay(cluster) as relay:           # before the cluster starts: it advertises the relay
        cluster.start()
        ... clients talk to relay.address ...
        relay.frames()                      # [(request bytes, response bytes or None), ...] without their lengths
"""

import socket
import struct
import threading


class Relay:
    def __init__(self, cluster):
        node = cluster.nodes[1]
        self.broker = ("127.0.0.1", node.ports["PLAIN"])
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.door.getsockname()[1]}"
        cluster.overrides["advertised.listeners"] = (
            f"INTERNAL://127.0.0.1:{node.ports['INTERNAL']},PLAIN://{self.address}")
        self.sockets, self.connections, self.threads = [self.door], [], []

    def __enter__(self):
        self._run(self._accept)
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        for thread in self.threads:
            thread.join(10)

    def _run(self, function, *words):
        thread = threading.Thread(target=function, args=words, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self.door.accept()
                broker = socket.create_connection(self.broker)
            except OSError:
                return
            self.sockets += [client, broker]
            requests, responses = bytearray(), bytearray()
            self.connections.append((requests, responses))
            self._run(self._pass_on, client, broker, requests)
            self._run(self._pass_on, broker, client, responses)

    @staticmethod
    def _pass_on(source, target, kept):
        try:
            while data := source.recv(65536):
                kept += data
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def frames(self):
        """Requests with their responses, matched by correlation id; a request may have none (acks 0, or cut off)."""
        pairs = []
        for requests, responses in self.connections:
            answers = {bytes(frame[:4]): frame for frame in split(responses)}
            pairs += [(frame, answers.get(bytes(frame[4:8]))) for frame in split(requests)]
        return pairs


def split(stream):
    frames, at = [], 0
    while len(stream) - at >= 4:
        (size,) = struct.unpack_from(">i", stream, at)
        if len(stream) - at - 4 < size:
            break
        frames.append(bytes(stream[at + 4:at + 4 + size]))
        at += 4 + size
    return frames
