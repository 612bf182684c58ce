"""Error codes: what each means, how texts have it, and which words decide where there is none or it says too little."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Verdict, by_text
from qualytics.structs import Struct, field, replace
from qualytics.text import ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SERVER_FAULT = Verdict(
    "internal", "the server reports a fault of its own", "ask the server's owner what its log says of it"
)


def by_code(lines: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Return a table of one verdict a code from lines of codes with blanks between.

    Raises:
        ValueError: a code stands there twice.

    """
    pairs = [(code, verdict) for codes, verdict in lines.items() for code in codes.split()]
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError(f"twice: {sorted({code for code, _ in pairs if [one for one, _ in pairs].count(code) > 1})}")
    return table


def spelled_as(*tables: Mapping[str, Verdict]) -> Callable[[str], str]:
    """Return what writes a code as these tables do, whatever the case of its letters."""
    spellings = {code.lower(): code for table in tables for code in table}
    return lambda code: spellings.get(code.lower(), code)


# SQLSTATE by its class, the first two characters, and by the whole where that says more: ISO/IEC 9075-2 section 24,
# 9075-3 (HY), 9075-9 (HV), 9075-13 (46); PostgreSQL's appendix A (53 to 58, F0, P0, XX); ODBC's appendix A (IM, HYT).
STATES = by_code({
    "08": Verdict("network"),
    "08P01 2E": Verdict("config"),
    "07 09 0A 0B 0D 0E 0F 0K 0M 0N 0S 0T 0U 0V 0W 0X 0Y 0Z 10 20 21 22 23 24 25 26 27 2C 2D 2F 2H": Verdict("config"),
    "30 31 33 34 35 36 38 39 3B 3C 42 44 45 46 51 55 F0 HV HW P0": Verdict("config"),
    "28": Verdict("auth", stage="login"),
    "0L 0P 2B 42501": Verdict("permission"),
    "3D 3F 57P04": Verdict("unknown_db", stage="database"),
    "40 55006 55P03 57 72 HY008 HY018 HZ": Verdict("transient"),
    "25P03 25P04 57014 57P05 HYT": Verdict("timeout"),
    "53 54 HY001 HY013 HY014": Verdict("quota"),
    "HY011 HY017 HY024 HY090 HY092 HY096 HY103 HY110 HYC": Verdict("config"),
    "58 XX": SERVER_FAULT,
    "IM": Verdict("driver_missing"),
})  # fmt: skip
# What a driver has for all that it says itself: other codes and words count more.
_VAGUE_STATES = ("08", "28000", "42000", "55000", "58", "HY0", "XX000")
# SQLSTATE as psql, JDBC, ODBC, PHP, Go, Node.js, .NET, Rust, Db2 and mysql write it. What stands in a bracket alone may be
# something else of five characters, so that only known classes count there, without 10: 10061 is Windows'.
STATE = (
    r"(?:\bSQL[ _]?STATE\W{0,4}|\bSqlState\(E?|\bcode\W{1,4}(?:Some\(\W?)?|\b(?:ERROR|FATAL|PANIC):? {1,2}(?:\d+ \()?"
    r"|\(0x80004005\): )(?!10\d{3})((?=[A-Z]*\d)[0-9A-Z]{5})(?=[\s\])\"':,;}]|\Z)"
    rf"|(?:\[|(?<![\w:.])(?=\w{{5}}: ))(?=\w*\d)((?:{'|'.join(sorted({state[:2] for state in STATES} - {'10'}))})[0-9A-Z]{{3}})(?=[\]:])"
)
STATE_ALONE = r"(?=\w*\d)[0-9A-Z]{5}"


def by_sqlstate(state: str | None) -> Verdict | None:
    """Return the verdict of a SQLSTATE, the longest matching prefix first; None when there is none."""
    for length in (5, 3, 2):
        if state and state[:length] in STATES:
            return replace(STATES[state[:length]], code=state)
    return None


class ErrorTable(Struct):
    """What the errors of a driver and its server mean: by their codes first, by words where these say too little.

    `umbrellas` are codes that stand for many failures: they count after the `words`, patterns whose case is ignored.
    `states` says that what is in neither is judged as a SQLSTATE. `inside` finds the codes in a text, each in the group
    that took part; one named `weak` may be any number, and counts only when it is known. `alone` fits a text that is a
    code and nothing else; `spell` makes of either what a report shows.
    """

    codes: Mapping[str, Verdict] = field(default_factory=dict)
    umbrellas: Mapping[str, Verdict] = field(default_factory=dict)
    words: tuple[tuple[str, Verdict], ...] = ()
    states: bool = False
    inside: str = r"(?!)"
    alone: str = r"(?!)"
    spell: Callable[[str], str] = str.upper

    def judge(self, codes: Iterable[str | None], text: str) -> Verdict | None:
        """Return the verdict on an error with these codes; of class unknown when nothing is known of its codes."""
        given = [self.spell(code) for code in codes if code]
        for code in given:
            if verdict := self._exact(code):
                return replace(verdict, code=code)
        vague = next(((code, verdict) for code in given if (verdict := self._vague(code))), None)
        first = vague[0] if vague else next(iter(given), None)
        verdict = by_text(text, self.words) or (vague and vague[1]) or (Verdict("unknown") if first else None)
        return verdict and replace(verdict, code=first)

    def explain(self, text: str) -> Verdict | None:
        """Return the verdict on words of another tool, or on a code alone; of long words their ends are read."""
        text = ends(text)
        if alone := re.fullmatch(self.alone, text.strip(), re.IGNORECASE):
            return self.judge([alone[alone.lastindex or 0]], text)
        matches = [(one.lastgroup, one[one.lastindex or 0]) for one in re.finditer(self.inside, text, re.IGNORECASE)]
        return self.judge([code for group, code in matches if group != "weak" or self._is_known(code)], text)

    def _is_known(self, code: str) -> bool:
        return self.spell(code) in self.codes or self.spell(code) in self.umbrellas

    def _exact(self, code: str) -> Verdict | None:
        is_state = self.states and code not in self.umbrellas and not code.startswith(_VAGUE_STATES)
        return self.codes.get(code) or (by_sqlstate(code) if is_state else None)

    def _vague(self, code: str) -> Verdict | None:
        return self.umbrellas.get(code) or (by_sqlstate(code) if self.states else None)
