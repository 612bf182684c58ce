"""`--jq`: a document through an expression of jq, printed as `jq -r` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Query(output.Format):
    """JSON through an expression: each result as JSON, a text as it is; on one line each when the name is `jsonl`."""

    expression: str = "."

    def of_document(self, document: Any) -> Iterator[str]:
        """Yield the results for a document.

        Raises:
            UsageError: the expression cannot work on it.

        """
        indent = None if self.name == "jsonl" else 2
        try:
            for result in compiled(self.expression).input_text(output.dump_json(document)):
                is_text = isinstance(result, str)
                yield (output.escape_document(result) if is_text else output.dump_json(result, indent)) + "\n"
        except ValueError as exc:
            # The value, in parentheses, may be the beginning of a new token.
            raise _refused(str(exc).partition(" (")[0]) from None

    def of_list(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield the results for a list, which is one array."""
        return self.of_document(list(documents))


def compiled(expression: str) -> Any:
    """Return the program that an expression means.

    Raises:
        UsageError: jq is not installed, or the expression is none.

    """
    try:
        import jq
    except ModuleNotFoundError as exc:
        raise UsageError("--jq needs the package jq, which is not installed", "pip install 'qualytics[jq]'") from exc
    try:
        return jq.compile(expression)
    except ValueError as exc:
        raise _refused(str(exc)) from None


def _refused(reason: str) -> UsageError:
    first = reason.partition("\n")[0].removeprefix("jq: error: ").removesuffix(":")
    return UsageError(
        f"--jq: {first[:1].lower()}{first[1:]}", "the expression works on what --format json shows; a list is one array"
    )
