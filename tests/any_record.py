"""Any record of a type, made from what the type says; each with one odd value in it; and what stands in one."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec import Struct, inspect

T = TypeVar("T")


def any_of(struct: type[T], *, texts: st.SearchStrategy[str], floats: st.SearchStrategy[float]) -> st.SearchStrategy[T]:
    """Values of `struct` and all below it, with these texts and floats wherever a text or a float may stand."""

    def values(hint: inspect.Type) -> st.SearchStrategy[Any]:
        match hint:
            case inspect.StrType():
                return texts
            case inspect.FloatType():
                return floats
            case inspect.CustomType():
                return st.one_of(texts, floats, st.none())
            case inspect.IntType():
                return st.integers(0, 99)
            case inspect.BoolType():
                return st.booleans()
            case inspect.NoneType():
                return st.none()
            case inspect.DecimalType():
                return st.just(Decimal("1.50"))
            case inspect.EnumType(cls=kind):
                return st.sampled_from(list(kind))
            case inspect.StructType(cls=kind, fields=fields):
                return st.builds(kind, **{field.name: values(field.type) for field in fields})
            case inspect.UnionType(types=types):
                return st.one_of(*map(values, types))
            case inspect.VarTupleType(item_type=item):
                return st.lists(values(item), max_size=2).map(tuple)
            case inspect.TupleType(item_types=items):
                return st.tuples(*map(values, items))
            case inspect.DictType(value_type=item):
                return st.dictionaries(st.sampled_from(["BUY", "BTC/USDT", "a:b"]), values(item), max_size=2)
        raise NotImplementedError(hint)

    return values(inspect.type_info(struct))


def each_with_one(struct: type[T], odd: str | float) -> Iterator[T]:
    """A value of `struct` for each place below it where `odd` may stand, with nothing odd in its other places."""

    def odd_below(hint: inspect.Type) -> Iterator[Any]:
        match hint:
            case inspect.StrType() if isinstance(odd, str):
                yield odd
            case inspect.FloatType() if isinstance(odd, float):
                yield odd
            case inspect.CustomType():
                yield odd
            case inspect.StructType(cls=kind, fields=fields):
                plain = {field.name: _plain(field.type) for field in fields}
                for field in fields:
                    yield from (kind(**{**plain, field.name: value}) for value in odd_below(field.type))
            case inspect.UnionType(types=types):
                for one in types:
                    yield from odd_below(one)
            case inspect.VarTupleType(item_type=item):
                yield from ((_plain(item), value) for value in odd_below(item))
            case inspect.TupleType(item_types=items):
                for place, item in enumerate(items):
                    yield from (
                        (*map(_plain, items[:place]), value, *map(_plain, items[place + 1 :]))
                        for value in odd_below(item)
                    )
            case inspect.DictType(value_type=item):  # Its keys are ours, as the names of members are.
                yield from ({"BUY": _plain(item), "SELL": value} for value in odd_below(item))

    return odd_below(inspect.type_info(struct))


def _plain(hint: inspect.Type) -> Any:
    match hint:
        case inspect.StrType():
            return "a"
        case inspect.FloatType():
            return 0.5
        case inspect.IntType():
            return 1
        case inspect.BoolType():
            return True
        case inspect.DecimalType():
            return Decimal("1.50")
        case inspect.EnumType(cls=kind):
            return next(iter(kind))
        case inspect.StructType(cls=kind, fields=fields):
            return kind(**{field.name: _plain(field.type) for field in fields})
        case inspect.UnionType(types=types):
            return _plain(types[0])
        case inspect.VarTupleType(item_type=item):
            return (_plain(item),)
        case inspect.TupleType(item_types=items):
            return tuple(map(_plain, items))
        case inspect.DictType(value_type=item):
            return {"BUY": _plain(item)}
        case inspect.NoneType() | inspect.CustomType():
            return None
    raise NotImplementedError(hint)


def leaves_of(value: object, kind: type[T]) -> Iterator[T]:
    """Everything of this kind in `value`, at whatever depth, keys of mappings too."""
    match value:
        case Struct():
            for item in msgspec.structs.astuple(value):
                yield from leaves_of(item, kind)
        case dict():
            for key, item in value.items():
                yield from leaves_of(key, kind)
                yield from leaves_of(item, kind)
        case tuple():
            for item in value:
                yield from leaves_of(item, kind)
        case _ if isinstance(value, kind):
            yield value
