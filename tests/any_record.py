"""Any record of a type, made from what the type says; and what stands in one."""

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
