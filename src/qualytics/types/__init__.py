"""Types of the documents that verbs take and return; for type checkers alone, nothing of the program imports them.

A key that not every document has, `NotRequired`, is read with `.get`.
"""

from qualytics.types.accounts import (
    AuditEntry,
    CurrentUser,
    NewToken,
    Pruned,
    Role,
    Token,
    User,
    UserChanges,
    UserFields,
    UserKind,
)
from qualytics.types.config import (
    Change,
    Config,
    ConfigDatastore,
    ConfigTestResult,
    ConfigTests,
    ConnectionResource,
    DatastoreResource,
    FieldChange,
    Plan,
    PlanProblem,
)
from qualytics.types.connections import (
    Connection,
    ConnectionChanges,
    ConnectionFields,
    ConnectionKind,
    DatastoreStub,
    Imported,
)
from qualytics.types.datastores import Datastore, DatastoreChanges, DatastoreFields
from qualytics.types.discovery import Name, Names, Table, Tables
from qualytics.types.past_tests import ConnectionState, PastTest
from qualytics.types.records import Author, Deleted, History, Page, Reference, Version
from qualytics.types.reports import FailureClass, Stage, TestReport, TestResult, Tls, Verdict

__all__ = [
    "AuditEntry",
    "Author",
    "Change",
    "Config",
    "ConfigDatastore",
    "ConfigTestResult",
    "ConfigTests",
    "Connection",
    "ConnectionChanges",
    "ConnectionFields",
    "ConnectionKind",
    "ConnectionResource",
    "ConnectionState",
    "CurrentUser",
    "Datastore",
    "DatastoreChanges",
    "DatastoreFields",
    "DatastoreResource",
    "DatastoreStub",
    "Deleted",
    "FailureClass",
    "FieldChange",
    "History",
    "Imported",
    "Name",
    "Names",
    "NewToken",
    "Page",
    "PastTest",
    "Plan",
    "PlanProblem",
    "Pruned",
    "Reference",
    "Role",
    "Stage",
    "Table",
    "Tables",
    "TestReport",
    "TestResult",
    "Tls",
    "Token",
    "User",
    "UserChanges",
    "UserFields",
    "UserKind",
    "Verdict",
    "Version",
]
