"""Ways in which a driver or a server may show a text: each encoder's result can be read back by whoever sees it."""

import base64
import html
import json
import textwrap
from urllib.parse import quote, quote_plus


def _wrapped(text, width, end="\n"):
    return end.join(text[at : at + width] for at in range(0, len(text), width))


def _numbers(raw, form, between=", ", ends="[]"):
    return ends[:1] + between.join(format(byte, form) for byte in raw) + ends[1:]


def _dump(raw, form, between=" ", per_line=16):
    lines = []
    for at in range(0, len(raw), per_line):
        part = raw[at : at + per_line]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(form.format(at=at, bytes=between.join(f"{byte:02x}" for byte in part), shown=shown))
    return "\n".join(lines)


def _xxd(raw):
    lines = []
    for at in range(0, len(raw), 16):
        part = raw[at : at + 16]
        pairs = " ".join(part[pair : pair + 2].hex() for pair in range(0, len(part), 2))
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{at:08x}: {pairs:<39}  {shown}")
    return "\n".join(lines)


def _od(raw):
    return "\n".join(f"{at:07o} " + _numbers(raw[at : at + 16], "03o", " ", "") for at in range(0, len(raw), 16))


def _words(raw):
    raw += b"\0" * (len(raw) % 2)
    words = [f"{raw[at + 1]:02x}{raw[at]:02x}" for at in range(0, len(raw), 2)]
    return "\n".join(f"{at * 16:07x} {' '.join(words[at * 8 : at * 8 + 8])}" for at in range(-(-len(words) // 8)))


def _per_unit(text, form):
    wide = text.encode("utf-16-be")
    return "".join(form.format(wide[at] << 8 | wide[at + 1]) for at in range(0, len(wide), 2))


def _javascript(text):  # what escape() of JavaScript makes
    return "".join(
        char if char.isascii() and (char.isalnum() or char in "@*_+-./")
        else f"%{ord(char):02X}" if ord(char) < 256 else _per_unit(char, "%u{:04X}")
        for char in text
    )  # fmt: skip


def _basic(text, coding):
    return base64.b64encode(b"user:" + text.encode(coding, "replace")).decode()


def _c_octal(raw):
    return "".join(f"\\{byte:o}" if byte < 33 or byte > 126 else f"\\{byte:03o}" for byte in raw)


ENCODINGS = {
    "plain": str,
    "upper": str.upper,
    "swapped case": str.swapcase,
    "percent": lambda text: quote(text, safe=""),
    "percent, of a path": quote,
    "percent, lower": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent, Latin-1": lambda text: quote(text, safe="", encoding="latin-1", errors="replace"),
    "form": quote_plus,
    "browser": lambda text: quote(text, safe="!$&'()*+,/:;=?@"),
    "Go": lambda text: quote(text, safe="$&+,/:;=@"),
    "JavaScript": _javascript,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, shifted by one": lambda text: base64.b64encode(b"x" + text.encode() + b"y").decode(),
    "base64, shifted by two": lambda text: base64.b64encode(b"xx" + text.encode() + b"yz").decode(),
    "base64, for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, in lines": lambda text: _wrapped(base64.b64encode(text.encode()).decode(), 10),
    "base64, in lines with CRLF": lambda text: _wrapped(base64.b64encode(text.encode()).decode(), 7, "\r\n"),
    "base64, behind a word": lambda text: "/" + base64.b64encode(text.encode()).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "Basic": lambda text: _basic(text, "utf-8"),
    "Basic, Latin-1": lambda text: _basic(text, "latin-1"),
    "hex": lambda text: text.encode().hex(),
    "hex, upper": lambda text: text.encode().hex().upper(),
    "hex with 0x": lambda text: "0x" + text.encode().hex(),
    "hex behind a digit": lambda text: "a" + text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with blanks": lambda text: text.encode().hex(" "),
    "hex with hyphens": lambda text: text.encode().hex("-").upper(),
    "hex in lines": lambda text: _wrapped(text.encode().hex(), 14),
    "hex list": lambda text: _numbers(text.encode(), "#04x", ends="{}"),
    "hex list of C": lambda text: _numbers(text.encode(), "#04x", ",\n    ", "{}"),
    "hex list of Rust": lambda text: _numbers(text.encode(), "x"),
    "hex of UTF-16 LE": lambda text: text.encode("utf-16-le").hex(" "),
    "hex of UTF-16 BE": lambda text: text.encode("utf-16-be").hex(),
    "xxd": lambda text: _xxd(text.encode()),
    "hexdump": lambda text: _dump(text.encode(), "{at:08x}  {bytes}  |{shown}|"),
    "hexdump of eight": lambda text: _dump(text.encode(), "{at:04x}: {bytes} {shown}", per_line=8),
    "hexdump of words": lambda text: _words(text.encode()),
    "od of octal": lambda text: _od(text.encode()),
    "decimal list": lambda text: str(list(text.encode())),
    "decimal list of Go": lambda text: str(list(text.encode())).replace(",", ""),
    "decimal list of Rust": lambda text: _numbers(text.encode(), "d", ",\n    "),
    "decimal list of Java": lambda text: str([byte - 256 if byte > 127 else byte for byte in text.encode()]),
    "decimal list of characters": lambda text: ",".join(str(ord(char)) for char in text),
    "array of bytes of JavaScript": lambda text: json.dumps(dict(enumerate(text.encode()))),
    "octal list": lambda text: _numbers(text.encode(), "04o"),
    "octal list of Python": lambda text: _numbers(text.encode(), "#o"),
    "octal escapes": lambda text: _c_octal(text.encode()),
    "hex escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "hex escapes, Latin-1": lambda text: "".join(f"\\x{byte:02X}" for byte in text.encode("latin-1", "replace")),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, all escaped": lambda text: _per_unit(text, "\\u{:04X}"),
    "JSON, all escaped, lower": lambda text: _per_unit(text, "\\u{:04x}"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "Rust": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "Python, wide": lambda text: "".join(f"\\U{ord(char):08x}" for char in text),
    "percent u": lambda text: _per_unit(text, "%u{:04X}"),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of both quotes": lambda text: repr(f"'\"{text}"),
    "repr of repr": lambda text: repr(repr(text)),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "entities, hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "entities, named": html.escape,
    "entities, named, of letters": lambda text: html.escape(text).replace("ä", "&auml;").replace("é", "&eacute;"),
    "doubled quotes": lambda text: "'" + text.replace("'", "''") + "'",
    "doubled double quotes": lambda text: '"' + text.replace('"', '""') + '"',
    "doubled braces": lambda text: "{" + text.replace("}", "}}") + "}",
    "UTF-16 LE": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be").decode("latin-1"),
    "NUL between": "\0".join,
    "NUL between, escaped": lambda text: "\\x00".join(char.replace("\\", "\\\\") for char in text),
    "wrapped": lambda text: _wrapped(text, 5),
    "wrapped with an indent": lambda text: textwrap.indent(_wrapped(text, 6), "        "),
    "wrapped with CRLF": lambda text: _wrapped(text, 3).replace("\n", "\r\n"),
    "blanks between": " ".join,
}  # fmt: skip

# One on top of another, as in a URL inside JSON.
NESTED = {
    "percent in JSON": ("percent", "JSON, all escaped"),
    "JSON in percent": ("JSON", "percent"),
    "escapes in percent": ("JSON, all escaped", "percent"),
    "base64 in a URL": ("base64", "percent"),
    "base64 in JSON": ("base64", "JSON, all escaped"),
    "base64 in base64": ("base64", "base64"),
    "Basic in base64": ("Basic", "base64"),
    "hex in base64": ("hex", "base64"),
    "hex in decimals": ("hex", "decimal list"),
    "JSON in base64": ("JSON", "base64"),
    "escapes in base64": ("JSON, all escaped", "base64"),
    "percent in base64": ("percent, lower", "base64"),
    "entities in base64": ("entities", "base64"),
    "entities in percent": ("entities", "percent"),
    "percent in entities": ("percent, lower", "entities"),
    "base64 in hex": ("base64", "hex with blanks"),
    "base64 in decimals": ("base64", "decimal list"),
    "escapes in hex": ("JSON, all escaped", "hex"),
    "base64 in repr": ("base64, in lines", "repr"),
    "dump in JSON": ("hexdump", "JSON"),
    "decimals in JSON": ("decimal list of Rust", "JSON"),
    "upper in percent": ("upper", "percent, lower"),
    "percent twice": ("percent, lower", "percent"),
    "wrapped in JSON": ("wrapped", "JSON"),
}
for _name, (_inner, _outer) in NESTED.items():
    ENCODINGS[_name] = lambda text, inner=_inner, outer=_outer: ENCODINGS[outer](ENCODINGS[inner](text))

# A text that a server may wrap around what it repeats.
SURROUNDINGS = (
    ('FATAL: password authentication failed for user "app": ', " (SQLSTATE 28P01)"),
    ("could not parse <", ">"),
    ("data: ", ""),
    ("", " at line 1"),
    ("error near '", "' at position 12, port 5432"),
    ('{"error": "', '"}'),
    ("https://h.example.com/login?p=", "&x=1"),
    ("x", "y"),
)  # fmt: skip
