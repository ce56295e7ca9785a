"""`GET /` and its assets: a small status page out of plain files, until there is a panel."""

from collections.abc import Mapping
from importlib.resources import files

from aiohttp import web
from msgspec import Struct

from levibotd.admin.problems import NotFound
from levibotd.admin.replies import HTML

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
INDEX = "index.html"

_TYPES = {
    INDEX: HTML,
    "status.js": "text/javascript",
    "status.css": "text/css",
    "icon.svg": "image/svg+xml",
}
MEDIA = tuple(_TYPES.values())

_HEADERS = {"Content-Security-Policy": CSP, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}


class Asset(Struct, frozen=True, kw_only=True):
    """One file of the page."""

    content_type: str
    body: bytes


ASSETS = web.AppKey("assets", Mapping[str, Asset])


def load_assets() -> Mapping[str, Asset]:
    """Read the page; it is small and never changes while the daemon runs."""
    folder = files("levibotd.admin").joinpath("static")
    return {name: Asset(content_type=kind, body=folder.joinpath(name).read_bytes()) for name, kind in _TYPES.items()}


async def get_page(request: web.Request) -> web.Response:
    """`GET /` - the status page."""
    return _serve(request.app[ASSETS][INDEX])


async def get_asset(request: web.Request) -> web.Response:
    """`GET /static/{name}` - a file of the status page."""
    asset = request.app[ASSETS].get(request.match_info["name"])
    if asset is None:
        raise NotFound("no such file")
    return _serve(asset)


def _serve(asset: Asset) -> web.Response:
    return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=_HEADERS)
