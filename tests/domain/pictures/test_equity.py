"""The equity picture: what was made, what was claimed, and nothing where nothing may be said."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.cards.card import Card, Column, Counts, CurvePoint, Results
from levibotd.domain.chance import Interval
from levibotd.domain.pictures.equity import HEAD, PANEL, WIDTH, equity_picture
from tests.domain.pictures.test_svg import NAME

DAY = 86_400.0
T0 = 1_700_000_000.0


def column(*rs: float, claims: tuple[float, ...] = (), withheld: str | None = None) -> Column:
    curve = tuple(CurvePoint(T0 + number * DAY, r) for number, r in enumerate(rs))
    claimed = tuple(CurvePoint(T0 + number * DAY, r) for number, r in enumerate(claims))
    results = Results(
        expectancy=0.1, expectancy_95=Interval(-0.2, 0.4), win_rate=0.4, max_drawdown=2.5,
        sum_r=rs[-1] if rs else None, curve=curve, claimed_curve=claimed,
    )  # fmt: skip
    counts = Counts(calls=30, filled=20, coverage=0.9)
    return Column(counts=counts, withheld=withheld, results=Results() if withheld else results)


def drawn(card: Card) -> ElementTree.Element:
    return ElementTree.fromstring(equity_picture(card))


def texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{NAME}text")]


def curves(root: ElementTree.Element) -> list[str]:
    return [one.get("class", "") for one in root.iter(f"{NAME}path")]


def test_what_was_made_stands_beside_what_was_claimed() -> None:
    root = drawn(Card(channel="@a", witnessed=column(-1.0, 0.5, -2.0, claims=(2.0, 9.0))))

    assert curves(root) == ["line second dashed", "line first"]
    assert {"made -2.0 R", "claims +9.0 R"} <= set(texts(root))
    assert "+0.10 R a call (95 %: -0.20 to +0.40) · 40% of filled won · deepest fall 2.5 R" in texts(root)


def test_coverage_stands_before_any_figure() -> None:
    found = texts(drawn(Card(channel="@a", witnessed=column(1.0))))

    assert found[2] == "witnessed · coverage 90% · 30 calls, 20 filled, 0 running"


def test_columns_are_drawn_one_below_the_other_and_never_added() -> None:
    root = drawn(Card(channel="@a", witnessed=column(1.0), backfilled=column(5.0)))

    assert root.get("viewBox") == f"0 0 {WIDTH} {HEAD + 2 * PANEL}"
    assert [text for text in texts(root) if text.startswith("made")] == ["made +1.0 R", "made +5.0 R"]


def test_withheld_figures_have_no_curve() -> None:
    root = drawn(Card(channel="@a", witnessed=column(withheld="too few priced calls (3 of 9)")))

    assert curves(root) == []
    assert "no curve: too few priced calls (3 of 9)" in texts(root)
    assert "withheld: too few priced calls (3 of 9)" in texts(root)


def test_a_channel_without_calls_says_so() -> None:
    assert "No call of it is over." in texts(drawn(Card(channel="@a")))


def test_labels_at_the_same_height_do_not_hide_each_other() -> None:
    root = drawn(Card(channel="@a", witnessed=column(1.0, 3.0, claims=(1.0, 3.0))))
    heights = [
        float(one.get("y", "")) for one in root.iter(f"{NAME}text") if (one.text or "").startswith(("made", "claims"))
    ]

    assert abs(heights[0] - heights[1]) >= 15


@given(
    rs=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=200),
    claims=st.lists(st.floats(-1e4, 1e4), max_size=5),
    name=st.text(max_size=30),
)
def test_any_curve_is_drawn_within_its_picture(rs: list[float], claims: list[float], name: str) -> None:
    drawn_bytes = equity_picture(Card(channel=name, sentence=name, witnessed=column(*rs, claims=tuple(claims))))

    assert b"nan" not in drawn_bytes.replace(name.encode("utf-8", "replace"), b"").lower() or "nan" in name.lower()
    for one in ElementTree.fromstring(drawn_bytes).iter(f"{NAME}path"):
        heights = [float(move.partition("H")[0]) for move in one.get("d", "").split("V")[1:]]
        assert all(0 <= height <= PANEL for height in heights)
