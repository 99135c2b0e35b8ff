"""Times the svix package of PyPI, and for verifying alone the one below it, standardwebhooks, which can do without
the JSON; the protocol is told in ../../../benchmark/peers.py."""

import pathlib
import sys
import time

import standardwebhooks.webhooks
import svix.webhooks

secret, folder = sys.argv[1], pathlib.Path(sys.argv[2])
svix_webhook = svix.webhooks.Webhook(secret)
standard_webhook = standardwebhooks.webhooks.Webhook(secret)


def verify(count, body, headers):
    for _ in range(count):
        standard_webhook.verify(body, headers, json_parse=False)


def parse(count, body, headers):
    for _ in range(count):
        svix_webhook.verify(body, headers)["id"]


for line in sys.stdin:
    mode, size, count, id, timestamp, signature = line.split()
    body = (folder / f"{size}.json").read_text(encoding="utf-8")
    family = "webhook-" if mode == "verify" else "svix-"
    headers = {family + "id": id, family + "timestamp": timestamp, family + "signature": signature}
    run = {"verify": verify, "parse": parse}[mode]
    begin = time.perf_counter_ns()
    run(int(count), body, headers)
    print(time.perf_counter_ns() - begin, flush=True)
