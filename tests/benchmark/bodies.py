#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the bodies that the benchmarks read: events of 350 bytes, 4 KiB and 64 KiB, always the same.

Usage: bodies.py FOLDER
"""
import json
import pathlib
import random
import sys


def customer(number):
    return {
        "id": f"cus_{number:08d}",
        "display_id": number,
        "name": "Nordwind Logistik GmbH",
        "health_score": 41,
        "previous_health_score": 73,
        "at_risk": True,
        "churned": False,
        "owner_email": "dana@example.com",
    }


def task(draw, number):
    done = draw.random() < 0.6
    return {
        "id": f"tsk_{draw.getrandbits(48):012x}",
        "display_id": number,
        "title": draw.choice(["Kick-off call", "Import the customer list", "Sign the order form \u2013 final",
                              "Set up SSO", "Review \"Go live\" checklist", "Train the team"]),
        "state": "done" if done else draw.choice(["active", "waiting", "blocked"]),
        "completed_at": f"2026-05-{draw.randint(1, 28):02d}T{draw.randint(8, 18):02d}:42:07.000Z" if done else None,
        "assignee_email": draw.choice(["dana@example.com", "li@example.com", "amina@example.com"]),
        "estimate_hours": draw.randint(1, 160) / 4,
        "required": draw.random() < 0.5,
        "tags": draw.sample(["billing", "legal", "import", "training", "sso"], draw.randint(0, 3)),
    }


def encode(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def event(size, seed):
    draw = random.Random(seed)
    body = {
        "id": "evt_2nQv8c9aZmYHKr1x",
        "type": "customer.at_risk",
        "created_at": "2026-05-26T18:42:00.000Z",
        "org_id": "org_01",
        "livemode": True,
        "api_version": "v1",
        "data": {"object": customer(4711), "previous_attributes": {"at_risk": False}},
    }
    size_of = lambda: len(encode(body))
    resource = body["data"]["object"]
    if size > 1000:
        resource["tasks"] = []
        while size_of() < size - 20:
            resource["tasks"].append(task(draw, len(resource["tasks"]) + 1))
        resource["tasks"].pop()
        resource["notes"] = ""
        resource["notes"] = ("Called on Monday; they wait for the import. " * 20)[: size - size_of()]
    else:
        del body["api_version"], resource["display_id"]
        resource["name"] = resource["name"][: len(resource["name"]) + size - size_of()].ljust(10)
    assert size_of() == size, size_of()
    return encode(body)


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, size in ("350", 350), ("4096", 4096), ("65536", 65536):
    (folder / f"{name}.json").write_bytes(event(size, seed=size))
