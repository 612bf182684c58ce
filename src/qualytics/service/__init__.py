"""The rules of the product: what may be stored, changed, deleted and tested, and what leaves it."""
