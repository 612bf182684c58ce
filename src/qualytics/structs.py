"""Classes of plain data, as a dataclass is, that cost a fiftieth of one to define.

`dataclasses` writes and compiles methods for each class: up to a millisecond each, and a short call defines thirty.
Type checkers know a Struct as they know a dataclass (PEP 681).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class _Factory:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], T]) -> T:
    """Give a field a default that is made anew for each object."""
    return cast("T", _Factory(default_factory))  # PEP 681: a field specifier says that it returns the value


@dataclass_transform(eq_default=False, frozen_default=True, field_specifiers=(field,))
class Struct:
    """Base of classes whose annotations are their fields; objects are frozen, and equal to themselves alone.

    With `frozen=False` fields may be set; with `eq=True` objects of the same fields are equal, and hashable when
    frozen; with `kw_only=True` fields are given by name alone. There is no `repr`: it might show what it must not.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _names: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[dict[str, Any]] = {}
    _factories: ClassVar[dict[str, Callable[[], Any]]] = {}
    _kw_only: ClassVar[bool] = False

    def __init_subclass__(cls, *, frozen: bool = True, eq: bool = False, kw_only: bool = False) -> None:
        # Without annotations of its own a class shows those of its base.
        own = [name for name in cls.__annotations__ if name not in Struct.__annotations__]
        cls._fields = (*cls._fields, *(name for name in own if name not in cls._fields))
        cls._names = frozenset(cls._fields)
        cls._defaults, cls._factories = dict(cls._defaults), dict(cls._factories)
        for name in cls._fields:
            if name in cls.__dict__:
                default = cls.__dict__[name]
                delattr(cls, name)  # a function left on the class would become a method
                if isinstance(default, _Factory):
                    cls._factories[name] = default.make
                else:
                    cls._defaults[name] = default
        cls._kw_only = kw_only
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[method-assign, assignment]
        if eq:
            cls.__eq__ = _is_equal  # type: ignore[method-assign, assignment]
            cls.__hash__ = _hash if frozen else None  # type: ignore[method-assign, assignment]

    def __init__(self, *values: Any, **named: Any) -> None:
        state = self.__dict__
        state.update(self._defaults)
        for name, make in self._factories.items():
            if name not in named:
                state[name] = make()
        if values:
            if self._kw_only or len(values) > len(self._fields):
                raise TypeError(f"{type(self).__name__} takes no {len(values)} values by position")
            by_position = dict(zip(self._fields, values, strict=False))
            if twice := by_position.keys() & named.keys():
                raise TypeError(f"{type(self).__name__}: {', '.join(sorted(twice))} is given twice")
            state.update(by_position)
        state.update(named)
        if state.keys() != self._names:
            wrong = ", ".join(sorted(state.keys() ^ self._names))
            raise TypeError(f"{type(self).__name__}: missing, or no field of it: {wrong}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")


def replace(struct: T, **changes: Any) -> T:
    """Return a copy of a Struct with some fields changed."""
    return type(struct)(**(vars(struct) | changes))


def _is_equal(self: Struct, other: object) -> bool:
    return type(other) is type(self) and vars(other) == vars(self)


def _hash(self: Struct) -> int:
    return hash(tuple(vars(self)[name] for name in self._fields))
