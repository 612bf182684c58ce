"""YAML as libyaml writes it, byte for byte: importing PyYAML takes longer than all else that a list does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Scalar = Callable[[Any], str]

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


def dump(document: Any, is_safe: Callable[[str], bool]) -> str:
    """Return a document as YAML; texts that are not safe to show stand in double quotes, as escapes work there."""
    parts: list[str] = []
    _write(document, "", parts.append, lambda value: _scalar(value, is_safe))
    return "".join(parts)


def _write(value: Any, indent: str, write: Callable[[str], None], scalar: Scalar) -> None:
    """Write a value at a place that is indented already."""
    if not (value and isinstance(value, dict | list | tuple)):
        write(f"{scalar(value)}\n")
        return
    deeper = f"{indent}  "
    before = ""
    if isinstance(value, dict):
        for key, inner in value.items():
            write(before)
            _write_pair(key, inner, indent, write, scalar)
            before = indent
        return
    for inner in value:
        write(f"{before}- ")
        _write(inner, deeper, write, scalar)
        before = indent


def _write_pair(key: Any, value: Any, indent: str, write: Callable[[str], None], scalar: Scalar) -> None:
    name = scalar(key)
    if not _is_simple_key(key):
        write(f"? {name}\n{indent}: ")
        _write(value, f"{indent}  ", write, scalar)
    elif value and isinstance(value, dict | list | tuple):
        inside = f"{indent}  " if isinstance(value, dict) else indent
        write(f"{name}:\n{inside}")
        _write(value, inside, write, scalar)
    else:
        write(f"{name}: {scalar(value)}\n")


def _is_simple_key(key: Any) -> bool:
    text = str(key)
    is_short = len(text) * 4 <= _MAX_SIMPLE_KEY or len(text.encode(errors="surrogatepass")) <= _MAX_SIMPLE_KEY
    return is_short and (text.isprintable() or not re.search("[\r\n\x85\u2028\u2029]", text))


def _scalar(value: Any, is_safe: Callable[[str], bool]) -> str:
    if isinstance(value, str):
        if not is_safe(value) or (value and not value.isascii() and max(value) > _LAST_PRINTABLE):
            return f'"{re.sub(_ESCAPED, _as_escape, value)}"'
        return value if _is_plain(value) else "'{}'".format(value.replace("'", "''"))
    if isinstance(value, dict | list | tuple):  # only the empty ones come here
        return "{}" if isinstance(value, dict) else "[]"
    text = "null" if value is None else str(value).lower()
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
