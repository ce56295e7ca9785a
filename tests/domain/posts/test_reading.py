"""The one entry to understanding a post. What each format says is held in `tests/corpus`."""

from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView
from levibotd.domain.posts.normalise import TEXT_MAX
from levibotd.domain.posts.reading import read
from levibotd.domain.signal import Kind, Post, Reading


def post(text: str, *, fwd_h: float | None = None) -> Post:
    at = 1_600_000_000.0
    return Post(
        channel="c",
        message_id=1,
        posted_at=at,
        text=text,
        forwarded_at=None if fwd_h is None else at - fwd_h * 3600,
    )


def reading(text: str) -> Reading:
    return read(post(text), EMPTY_VIEW)


def test_an_old_forward_keeps_its_legs_and_is_stale() -> None:
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    assert read(post(text, fwd_h=24.1), EMPTY_VIEW).stale
    assert read(post(text, fwd_h=24.1), EMPTY_VIEW).legs
    assert not read(post(text, fwd_h=23.9), EMPTY_VIEW).stale


def test_what_is_too_long_stays_unread() -> None:
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    found = reading(text + " " * (TEXT_MAX - len(text) + 1))
    assert (found.kind, found.reasons, found.legs) == (Kind.AMBIGUOUS, ("too_long",), ())
    assert reading(text + " " * (TEXT_MAX - len(text))).legs


def test_a_close_names_its_coins_or_those_of_the_post_it_replies_to() -> None:
    parent = reading("#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90")
    assert reading("close #XRP/USDT now").symbols == ("XRP/USDT",)
    assert read(post("close this now"), EMPTY_VIEW, parent=parent).symbols == ("ADA/USDT",)
    assert read(post("cancel #XRP"), EMPTY_VIEW, parent=parent).symbols == ("XRP",)
    assert reading("close all trades").every_call


def test_a_price_far_from_the_market_is_ambiguous() -> None:
    view = ListedMarketView(bases=frozenset({"ADA"}), prices={"ADA/USDT": 10.2})
    text = "#ADA/USDT\nBuy 1.00\nSell 1.10\nSL 0.90"
    assert read(post(text), view).kind is Kind.AMBIGUOUS
    assert read(post(text), EMPTY_VIEW).kind is Kind.NEW


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert isinstance(reading(text), Reading)


@given(st.text(alphabet="0123456789.,-/|%$xk:() \nBTCUSDTbuyselltarget#", max_size=400))
def test_any_heap_of_numbers_is_read_without_an_error(text: str) -> None:
    assert isinstance(reading(text), Reading)
