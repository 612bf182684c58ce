"""Whether a document is what its type says: its keys, and the types of its values at any depth."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def faults(value, hint, at="document"):
    """Return what of a value is not as its type says, a line each."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return []
    if is_typeddict(hint):
        return _faults_of_keys(value, hint, at)
    if origin is Literal:
        return [] if value in arguments else [f"{at}: {value!r} is none of {arguments}"]
    if origin in {Union, UnionType}:
        tried = [faults(value, argument, at) for argument in arguments]
        return [] if [] in tried else min(tried, key=len)
    if origin is list:
        return [*_other(value, list, at), *(line for one in value or () for line in faults(one, arguments[0], at))]
    return _other(value, origin or hint, at)


def _faults_of_keys(document, hint, at):
    if not isinstance(document, dict):
        return [f"{at}: {document!r} is no object"]
    hints, keys = get_type_hints(hint), set(document)
    lines = [f"{at}: {key} is missing" for key in hint.__required_keys__ - keys]
    lines += [f"{at}: {key} is no key of {hint.__name__}" for key in keys - hints.keys()]
    return lines + [line for key in keys & hints.keys() for line in faults(document[key], hints[key], f"{at}.{key}")]


def _other(value, wanted, at):
    allowed = {NoneType: NoneType, float: (int, float)}.get(wanted, wanted)
    is_right = isinstance(value, allowed) and (wanted is bool or not isinstance(value, bool))
    return [] if is_right else [f"{at}: {value!r} is not {wanted}"]
