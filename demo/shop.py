"""A shop that is moving from one Kafka to another, and meanwhile writes each event to both, as teams do it: one function,
two producers, each with its own batches, codec and retries.  What can go wrong with that is here too, on purpose."""

import itertools
import json
import random
import time

from confluent_kafka import Producer

TOPIC = "orders"
CUSTOMERS = 2000


class Shop:
    def __init__(self, source, target, seed=1):
        common = {"log_level": 0, "enable.idempotence": True, "acks": "all", "queue.buffering.max.messages": 500000}
        self.source = Producer({**common, "bootstrap.servers": source, "compression.type": "zstd", "linger.ms": 20})
        self.target = Producer({**common, "bootstrap.servers": target, "compression.type": "lz4", "linger.ms": 5})
        self.chance = random.Random(seed)
        self.numbers = itertools.count(1)
        # Zipf: few customers order often, most of them seldom.
        self.weights = list(itertools.accumulate(1 / rank for rank in range(1, CUSTOMERS + 1)))
        self.clock = int(time.time() * 1000) - 3_600_000

    def event(self, customer=None, status=None):
        number = next(self.numbers)
        customer = customer or 1 + self.chance.choices(range(CUSTOMERS), cum_weights=self.weights)[0]
        self.clock += self.chance.randrange(1, 40)
        body = {"order": 100_000 + number, "customer": customer,
                "status": status or self.chance.choice(["placed", "paid", "packed", "sent"]),
                "total": f"{self.chance.randrange(399, 30000) / 100:.2f}", "currency": "EUR",
                "items": [{"sku": f"SKU-{self.chance.randrange(1, 5000):05}", "count": self.chance.randrange(1, 4)}
                          for _ in range(self.chance.randrange(1, 4))]}
        return {"key": f"customer-{customer}".encode(), "value": json.dumps(body).encode(), "timestamp": self.clock,
                "headers": [("id", f"order-{100_000 + number}".encode()), ("app", b"shop/7.3")]}

    def _send(self, client, event):
        while True:
            try:
                client.produce(TOPIC, **event)
                return
            except BufferError:
                client.poll(0.05)

    def write(self, event):
        """The dual write."""
        self._send(self.source, event)
        self._send(self.target, event)

    def flush(self):
        if self.source.flush(60) + self.target.flush(60):
            raise RuntimeError("the shop could not write all of its orders")

    def work(self, count):
        for i in range(count):
            self.write(self.event())
            if i % 1000 == 0:
                self.source.poll(0)
                self.target.poll(0)
        self.flush()

    # ---- what goes wrong

    def lose(self, count):
        """The target was slow for a moment; the write timed out, was logged, and nobody tried again."""
        for _ in range(count):
            self._send(self.source, self.event())
        self.flush()

    def round_totals(self):
        """One instance still runs the old release, which sends the total without its cents to the new cluster."""
        event = self.event()
        self._send(self.source, event)
        body = json.loads(event["value"])
        body["total"] = body["total"].split(".")[0]
        self._send(self.target, {**event, "value": json.dumps(body).encode()})
        self.flush()

    def overtake(self):
        """A retry from a queue of its own: on the target the order is cancelled before it was placed."""
        placed = self.event(customer=7, status="placed")
        cancelled = self.event(customer=7, status="cancelled")
        for client, order in ((self.source, (placed, cancelled)), (self.target, (cancelled, placed))):
            for event in order:
                self._send(client, event)
        self.flush()
