"""What values may be that drivers write into strings with a grammar: headers, URLs, descriptors, files of settings."""

from __future__ import annotations

from qualytics.connectors.contract import Chars

_NO_CONTROL = r"[^\x00-\x1f\x7f-\x9f]*"
# What a header carries: RFC 9110 section 5.5; http.client writes it as Latin-1.
HEADER = Chars(_NO_CONTROL, "everything but line ends and other control characters")
LATIN = Chars(r"[ -~\xa0-\xff]*", "the characters of Latin-1, as HTTP headers do, and no line end")
# RFC 6750 section 2.1, with some more that issuers use.
TOKEN = Chars(r"[!-~]+", "letters, digits and signs of ASCII, without blanks and line ends")
# The id of a key stands between commas and slashes in the header Authorization (AWS, "Signature Version 4").
AWS_KEY_ID = Chars(r"[!-+\--.0-~]+", "letters, digits and signs of ASCII, but no comma, slash, blank or line end")
AWS_REGION = Chars(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens, as in eu-west-1")
# A segment of a URL's path or of a host's name.
SEGMENT = Chars(r"[A-Za-z0-9-]+", "letters, digits and hyphens")
TENANT = Chars(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", "letters, digits, dots and hyphens")
PATH = Chars(
    r"/?(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*/?",
    "letters, digits and . _ ~ - between single slashes",
)
# A user name of HTTP's Basic ends at the first colon (RFC 7617 section 2).
BASIC_USER = Chars(r"[^:\x00-\x1f\x7f-\x9f]*", "everything but colons and control characters")
# A name of Unity Catalog is a part of a URL's path (Databricks SQL reference, "Names").
UNITY = Chars(r"[^./ \x00-\x1f\x7f]+", "everything but dots, slashes, blanks and control characters")
