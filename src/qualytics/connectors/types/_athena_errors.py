"""What Athena says, as verdicts."""

from __future__ import annotations

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared import aws_errors

_MISSING = Verdict("unknown_db", "there is no such catalog or database", "check --database (the data catalog) and --schema (the database)", "database")  # fmt: skip
_RESULTS = Verdict("permission", "Athena may not write its results to the place in output", "check output in --parameters, and the right to s3:GetBucketLocation and s3:PutObject there")  # fmt: skip
# Words of Athena, from its user guide's "Troubleshooting in Athena" and its API's answers.
_MESSAGES = (
    (r"no output location provided", Verdict("config", "no place for results is set", "give output or work_group in --parameters")),
    (r"workgroup .*(is )?not found", Verdict("unknown_db", "there is no such work group in this region", "check work_group and region in --parameters", "database")),
    (r"(unable to verify/create output bucket|access denied when writing|invalid output location|output location)", _RESULTS),
    (r"NoSuchBucket|bucket does not exist", Verdict("config", "the bucket in output does not exist", "check output in --parameters")),
    (r"(database|schema|catalog|datacatalog)\b.*(not found|does not exist|was not found)|(SCHEMA|CATALOG)_NOT_FOUND", _MISSING),
    (r"insufficient permissions|insufficient lake formation|PERMISSION_DENIED|access denied|not authorized", Verdict("permission")),
    (r"exhausted resources|throttl|slow ?down|rate exceeded|too many", Verdict("quota")),
    (r"timeout|timed out", Verdict("timeout")),
    (r"INTERNAL_ERROR|GENERIC_INTERNAL_ERROR", Verdict("transient")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by AWS's code; requests that Athena calls invalid, and failed queries, by their words."""
    code = aws_errors.code_of(exc)
    known = None if code in {"InvalidRequestException", "MetadataException"} else aws_errors.classify(exc)
    if known is None and (code or type(exc).__module__ == "pyathena.error"):
        known = by_text(str(exc), _MESSAGES) or (Verdict("config") if code else None)
    return known


def explain(text: str) -> Verdict | None:
    """Judge by AWS's code, else by Athena's words."""
    return aws_errors.explain(text) or by_text(text, _MESSAGES)
