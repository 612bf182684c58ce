"""What the class and code of a past test are explained by."""

import re

from qualytics import connectors
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.service.connections.explain import explain_failure


def test_every_class_of_a_past_test_of_every_type_has_a_cause_and_a_hint():
    for connector in connectors.all_connectors():
        for failure_class, usual in CLASSES.items():
            found = explain_failure(connector.type, failure_class, None)
            assert (found["class"], found["retryable"]) == (failure_class, usual.retryable)
            assert min(len(found["cause"]), len(found["hint"])) > 0
            # No word of the server is kept that a hint could lead to.
            assert not re.search(r"[{]|see detail|this message|debug|connections test", found["cause"] + found["hint"])


def test_the_code_of_a_past_test_says_more_than_its_class_where_both_agree():
    named = explain_failure("oracle", "unknown_db", "ORA-12514")
    assert named["cause"] != explain_failure("oracle", "unknown_db", None)["cause"]
    assert explain_failure("oracle", "timeout", "ORA-12514")["cause"] == "the server did not answer in time"
