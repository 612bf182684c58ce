"""Who runs which test: beside two busy workers the others are for tests that only wait."""

from __future__ import annotations

import re

from xdist.scheduler import LoadFileScheduling

# Two processors have work for no more; others that compute would make tests late that have a limit of time.
BUSY_WORKERS = 2
# Whoever meets a server that never answers waits until the limit, and computes nothing meanwhile; what a control plane
# that is gone has left undone is taken up again after some seconds.
_WAITING = re.compile(
    # A second look at a server begins when three seconds have passed.
    r"/test_second_look\w*\.py::"
    r"|\[.*\b(?:silent|dropping|dropped|trickling)\b"
    r"|::test_\w*(?:_is_silent_|_silent_(?:port|server)_|_time_limit_cuts_short_|_has_lost_the_right_|_control_plane_that_\w+_killed_)"
)
_APART = "::waiting"
# Modules that ask the same servers, which take long to start: whoever runs one of them runs the others.
_TYPES, _READS = "tests/connectors/types/", "tests/connectors/reads/"
_TOGETHER = {
    f"{_READS}test_hive.py": f"{_TYPES}test_hive.py",
    f"{_READS}test_databricks.py": f"{_TYPES}test_hive.py",
    f"{_TYPES}test_databricks_spark.py": f"{_TYPES}test_hive.py",
    f"{_READS}test_trino.py": f"{_TYPES}test_trino_buenavista.py",
}


class Lanes(LoadFileScheduling):
    """Gives out tests file by file, those that wait apart from the others of their file and to workers of their own."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        file = _TOGETHER.get(file, file)
        return file + _APART if _WAITING.search(nodeid) else file

    def _assign_work_unit(self, node):
        waits = int(node.gateway.id.removeprefix("gw")) >= BUSY_WORKERS
        best = min(self.workqueue, key=lambda scope: scope.endswith(_APART) is not waits)
        if waits and not best.endswith(_APART):
            node.shutdown()
            return
        self.workqueue.move_to_end(best, last=False)
        super()._assign_work_unit(node)
