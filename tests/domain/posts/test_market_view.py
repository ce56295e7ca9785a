"""What is known without a list, and with one."""

from levibotd.domain.posts.market_view import EMPTY_VIEW, ListedMarketView


def test_without_a_list_only_well_known_names_are_known_and_nothing_has_a_price() -> None:
    assert EMPTY_VIEW.is_known("BTC", None)
    assert not EMPTY_VIEW.is_known("QWXYZ", None)
    assert EMPTY_VIEW.last_price("BTC", "USDT") is None
    assert EMPTY_VIEW.stable_quote == "USDT"


def test_a_list_adds_its_coins_and_prices() -> None:
    view = ListedMarketView(bases=frozenset({"QWXYZ"}), pairs=frozenset({"QWXYZ/USDT"}), prices={"QWXYZ/USDT": 2.5})
    assert view.is_known("QWXYZ", None)
    assert view.is_known("QWXYZ", "USDT")
    assert not view.is_known("QWXYZ", "BTC")
    assert view.last_price("QWXYZ", "USDT") == 2.5
    assert view.last_price("QWXYZ", "BTC") is None
