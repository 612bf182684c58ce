"""The audit log: whose changes it keeps."""

from __future__ import annotations

from qualytics import settings
from qualytics.service.audit import Audit
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context


def test_a_store_without_users_keeps_no_log(home):
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(home)})) as context:
        Connections(context).create({"type": "postgresql", "host": "db.example.com"})
        assert Audit(context).list() == []
