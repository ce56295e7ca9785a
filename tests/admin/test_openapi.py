"""The description as it is served."""

import msgspec
import pytest

from levibotd.admin.openapi import Description
from levibotd.admin.schema import document
from tests.admin.site import serving


@pytest.mark.real_time
async def test_it_is_served_as_json_and_is_the_same_each_time() -> None:
    async with serving() as site:
        first, second = await site.get("/openapi.json"), await site.get("/openapi.json")

    assert first.headers["Content-Type"] == "application/json"
    assert first.body == second.body
    assert first.json() == msgspec.json.decode(msgspec.json.encode(document(version="1.2.3")))


@pytest.mark.real_time
async def test_it_is_made_once() -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"{}"

    description = Description(make)

    assert [await description.read(), await description.read()] == [b"{}", b"{}"]
    assert made == [1]
