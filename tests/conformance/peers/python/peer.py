"""The svix package of PyPI, driven line by line; the protocol is told in ../peer.hpp."""

import base64
import json
import sys
from datetime import datetime, timezone

from svix.webhooks import Webhook


def answer(request):
    webhook = Webhook(base64.b64decode(request["secret"]).decode("latin-1"))
    body = base64.b64decode(request["body"])
    if request["do"] == "sign":
        timestamp = datetime.fromtimestamp(request["timestamp"], tz=timezone.utc)
        return {"signature": webhook.sign(request["id"], timestamp, body.decode())}
    # As WSGI and its kind hand them over: Latin-1, values of one name joined.
    headers = {}
    for name, value in request["headers"]:
        name = base64.b64decode(name).decode("latin-1").lower()
        value = base64.b64decode(value).decode("latin-1")
        headers[name] = headers[name] + "," + value if name in headers else value
    try:
        webhook.verify(body, headers)
    except (json.JSONDecodeError, RecursionError):
        pass  # authentic, but no JSON: the signature is what counts here
    return {"authentic": True}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:  # of whichever type: the package lets several through
        result = {"refused": repr(error)}
    print(json.dumps(result), flush=True)
