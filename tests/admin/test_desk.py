"""What handlers may use is given once and never changed."""

import pytest

from levibotd.admin.desk import EventQuery


def test_a_query_without_words_restricts_nothing() -> None:
    query = EventQuery(limit=5)
    assert (query.trace_id, query.types, query.symbol, query.since, query.beyond) == (None, (), None, None, None)
    with pytest.raises(AttributeError):
        query.limit = 6  # type: ignore[misc]
