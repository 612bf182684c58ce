"""Catalogs, schemas and tables over HTTP."""

from __future__ import annotations


def test_a_catalog_with_a_line_end_reaches_no_driver(manager, made):
    answer = manager("GET", f"/connections/{made(password='pw')['id']}/schemas?catalog=a%0D%0Ab")
    assert answer.status == 422, answer
