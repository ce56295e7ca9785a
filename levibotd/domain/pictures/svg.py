"""
The pieces that pictures are made of.

Whatever a channel is called, it cannot leave its text: everything is escaped, and what is not printable is written
out. Colours are told apart without seeing colour (Okabe and Ito), and no line by its colour alone.
"""

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from msgspec import Struct

from levibotd.domain.printable import printable

MEDIA = "image/svg+xml"

_STYLE = (
    ".ground{fill:#fff}.ink{fill:#1b1b1b}.soft{fill:#595959}.grid{stroke:#e3e3e3}.axis{stroke:#767676}"
    ".first{stroke:#0072b2}.second{stroke:#b34700}.first-ink{fill:#005a8e}.second-ink{fill:#9a3d00}"
    "@media (prefers-color-scheme:dark){.ground{fill:#14171a}.ink{fill:#ececec}.soft{fill:#b0b5ba}"
    ".grid{stroke:#2f353b}.axis{stroke:#8b949c}.first{stroke:#56b4e9}.second{stroke:#e69f00}"
    ".first-ink{fill:#7cc6ef}.second-ink{fill:#efb63c}}"
    "text{font:13px system-ui,sans-serif}.head{font-size:16px;font-weight:600}.small{font-size:12px}"
    "path,line{fill:none;vector-effect:non-scaling-stroke}.line{stroke-width:2}.dashed{stroke-dasharray:6 4}"
)


class Scale(Struct, frozen=True):
    """From figures between `lo` and `hi` to places between `first` and `last`."""

    lo: float
    hi: float
    first: float
    last: float

    def __call__(self, figure: float) -> float:
        return self.first + (figure - self.lo) / (self.hi - self.lo) * (self.last - self.first)


def picture(parts: Iterable[str], *, width: int, height: int, title: str, about: str) -> bytes:
    """Put a picture together. `title` and `about` are what it says to whoever cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title about"><title id="title">{said(title)}</title>'
        f'<desc id="about">{said(about)}</desc><style>{_STYLE}</style>'
        f'<rect class="ground" width="{width}" height="{height}"/>{"".join(parts)}</svg>\n'
    ).encode()


def words(text: str, x: float, y: float, kind: str = "ink", *, anchor: str = "start") -> str:
    """Write `text` with its baseline at `y`."""
    return f'<text class="{kind}" x="{place(x)}" y="{place(y)}" text-anchor="{anchor}">{said(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    return f'<line class="{kind}" x1="{place(x1)}" y1="{place(y1)}" x2="{place(x2)}" y2="{place(y2)}"/>'


def steps(points: Sequence[tuple[float, float]], kind: str) -> str:
    """Draw what stays as it is until the next point."""
    first, *rest = points
    moves = "".join(f"H{place(x)}V{place(y)}" for x, y in rest)
    return f'<path class="line {kind}" d="M{place(first[0])} {place(first[1])}{moves}"/>'


def polyline(points: Sequence[tuple[float, float]], kind: str) -> str:
    (x, y), *rest = points
    return (
        f'<path class="line {kind}" d="M{place(x)} {place(y)}{"".join(f"L{place(x)} {place(y)}" for x, y in rest)}"/>'
    )


def dot(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{place(x)}" cy="{place(y)}" r="{place(radius)}"/>'


def ticks(lo: float, hi: float, *, about: int = 5) -> list[float]:
    """Round figures from below `lo` to above `hi`, about so many."""
    rough = (hi - lo if hi - lo > 1e-9 else 1.0) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1.0, 2.0, 5.0, 10.0) if size * factor >= rough * (1 - 1e-9))
    first, last = math.floor(lo / step + 1e-9), math.ceil(hi / step - 1e-9)
    return [round(number * step, 9) for number in range(first, max(last, first + 1) + 1)]


def place(figure: float) -> str:
    """Write a place to a tenth of a unit: no eye sees more."""
    written = f"{figure:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def said(text: str) -> str:
    """Make `text` harmless; what cannot be seen is written out."""
    return escape(printable(text), {'"': "&quot;"})
