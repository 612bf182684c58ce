"""YAML as libyaml writes it, byte for byte: importing PyYAML takes longer than all else that a list does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Plain scalars that some YAML reader (1.1 or 1.2) takes for something else than a text: words, and numbers.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "<", "<<", "="))
_NUMBER_STARTS = frozenset("+-.0123456789")
# `re` compiles the patterns where they are used first; most calls need none.
_NUMBER = r"""(?ix) [-+]? (\d[\d_]* (\.[\d_]*)? | \.[\d_]*) (e[-+]?\d+)?
  | [-+]? 0[xob][\da-f_]+ | [-+]? \d[\d_]* (:[0-5]?\d)+ (\.[\d_]*)? | [-+]? \.(inf|nan) """
# What a plain scalar cannot begin with (YAML 1.1, 5.3), and what it cannot hold: a mark of a value, or of a comment.
_INDICATORS = ("#", ",", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", '"', "%", "@", "`", "---", "...", "- ", "? ")
_LAST_PRINTABLE = "\ufffd"  # libyaml escapes all beyond, emoji as well
_ESCAPED = '["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe-\U0010ffff]'
_SHORT = dict(zip('\0\a\b\t\n\v\f\r\x1b"\\\x85\u2028\u2029', '0abtnvfre"\\NLP', strict=True))
_MAX_SIMPLE_KEY = 128  # bytes, as libyaml counts them
_NESTED = (dict, list, tuple)


def dump(document: Any, is_safe: Callable[[str], bool]) -> str:
    """Return a document as YAML; texts that are not safe to show stand in double quotes, as escapes work there."""
    writer = _Writer(is_safe)
    writer.write(document, "")
    return "".join(writer.parts)


class _Writer:
    """Writes one document; a text that stands in it again, as most keys do, is looked at once."""

    def __init__(self, is_safe: Callable[[str], bool]) -> None:
        self.parts: list[str] = []
        self._is_safe = is_safe
        self._texts: dict[str, str] = {}
        self._simple_keys: dict[Any, bool] = {}

    def write(self, value: Any, indent: str) -> None:
        """Write a value at a place that is indented already."""
        put = self.parts.append
        if not (value and isinstance(value, _NESTED)):
            put(f"{self._scalar(value)}\n")
            return
        before = ""
        if isinstance(value, dict):
            for key, inner in value.items():
                put(before)
                self._write_pair(key, inner, indent)
                before = indent
            return
        deeper = f"{indent}  "
        for inner in value:
            put(f"{before}- ")
            self.write(inner, deeper)
            before = indent

    def _write_pair(self, key: Any, value: Any, indent: str) -> None:
        name = self._scalar(key)
        if (is_simple := self._simple_keys.get(key)) is None:
            is_simple = self._simple_keys[key] = _is_simple_key(key)
        if not is_simple:
            self.parts.append(f"? {name}\n{indent}: ")
            self.write(value, f"{indent}  ")
        elif value and isinstance(value, _NESTED):
            inside = f"{indent}  " if isinstance(value, dict) else indent
            self.parts.append(f"{name}:\n{inside}")
            self.write(value, inside)
        else:
            self.parts.append(f"{name}: {self._scalar(value)}\n")

    def _scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return "null" if value is None else _scalar(value)
        if (written := self._texts.get(value)) is None:
            written = self._texts[value] = _text(value, self._is_safe)
        return written


def _is_simple_key(key: Any) -> bool:
    text = str(key)
    is_short = len(text) * 4 <= _MAX_SIMPLE_KEY or len(text.encode(errors="surrogatepass")) <= _MAX_SIMPLE_KEY
    return is_short and (text.isprintable() or not re.search("[\r\n\x85\u2028\u2029]", text))


def _text(value: str, is_safe: Callable[[str], bool]) -> str:
    if not is_safe(value) or (value and not value.isascii() and max(value) > _LAST_PRINTABLE):
        return f'"{re.sub(_ESCAPED, _as_escape, value)}"'
    return value if _is_plain(value) else "'{}'".format(value.replace("'", "''"))


def _scalar(value: Any) -> str:
    if isinstance(value, _NESTED):  # only the empty ones come here
        return "{}" if isinstance(value, dict) else "[]"
    text = str(value).lower()
    if "e" in text and isinstance(value, float) and "." not in text:
        text = text.replace("e", ".0e")  # YAML 1.1 takes 1e-05 for a text
    return text


def _is_plain(text: str) -> bool:
    """Say whether a text without quotes is read back as that text, and by people, too."""
    if not text or text != text.strip():  # a space of any kind at an end would be seen by nobody
        return False
    if text.startswith(_INDICATORS) or text in {"-", "?"} or text.endswith(":") or ": " in text or " #" in text:
        return False
    if text.lower() in _WORDS or (text[4:5] == "-" and text[:4].isdecimal()):  # the latter may be a date
        return False
    # Nothing with two dots, such as an address, is a number; the pattern takes longer to compile than a list to write.
    is_doubtful = text[0] in _NUMBER_STARTS and text.count(".") < 2
    return not (is_doubtful and re.fullmatch(_NUMBER, text))


def _as_escape(match: re.Match[str]) -> str:
    if short := _SHORT.get(match[0]):
        return f"\\{short}"
    code = ord(match[0])
    if code > 0xFFFF:
        return f"\\U{code:08X}"
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"
