"""`GET /openapi.json`: the description of all of this, made when it is first asked for."""

from collections.abc import Callable

from aiohttp import web

from levibotd.admin.replies import JSON
from levibotd.kernel import offload


class Description:
    """The OpenAPI document as bytes. `make` runs off the loop, once; it takes longer than the loop may stand still."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._made: bytes | None = None

    async def read(self) -> bytes:
        if self._made is None:
            self._made = await offload.call(self._make)
        return self._made


DESCRIPTION = web.AppKey("description", Description)


async def get_openapi(request: web.Request) -> web.Response:
    """`GET /openapi.json` - every route with what it takes and answers."""
    return web.Response(body=await request.app[DESCRIPTION].read(), content_type=JSON)
