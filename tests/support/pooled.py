"""Tests of a pool: the plans they run, and what a driver says of the process that it is in."""

import json
import os

from qualytics import probe
from qualytics.probe.egress import Policy
from qualytics.secret import Secret

# A driver that is imported so says in each test who it is: its number, its importer's, its niceness, its parent's.
IMPORTED = "IMPORTED_BY = os.getpid()"
WHO = "raise ValueError(json.dumps([os.getpid(), IMPORTED_BY, os.nice(0), os.getppid()]))"
# What a child of a pool has: its parent's niceness and the pool's own, as far as the system goes.
NICENESS = min(os.nice(0) + 10, 19)
HERE = Policy(("127.0.0.0/8", "::1"))


def server_plan(type_, port, timeout_s=20.0, policy=HERE, password="a password", **parameters):
    values = {"host": "127.0.0.1", "port": port, "username": "somebody", "parameters": parameters}
    return probe.Plan(type_, values, {"password": Secret(password)}, timeout_s, policy=policy)


def told(report):
    """Return what a driver raised as a JSON text."""
    return json.loads(report.failure.detail.removeprefix("ValueError: "))
