"""Said against seen."""

from xml.etree import ElementTree

from levibotd.domain.pictures.reliability import Bin, Reliability, reliability_picture
from tests.domain.pictures.test_svg import NAME

BINS = (Bin(said=0.1, seen=0.0, posts=50), Bin(said=0.5, seen=0.6, posts=10), Bin(said=0.95, seen=1.0, posts=40))


def drawn(*bins: Bin, ece: float | None = 0.025) -> ElementTree.Element:
    of = Reliability(model="abc", method="held out", ece=ece, bins=bins)
    return ElementTree.fromstring(reliability_picture(of))


def test_each_bin_has_a_dot_at_its_place_and_its_interval() -> None:
    root = drawn(*BINS)
    dots = [(float(one.get("cx", "")), float(one.get("cy", ""))) for one in root.iter(f"{NAME}circle")]

    # From 64 to 430 across, from 400 up to 84.
    assert dots == [(100.6, 400.0), (247.0, 210.4), (411.7, 84.0)]
    intervals = [one for one in root.iter(f"{NAME}line") if one.get("class") == "first"]
    assert len(intervals) == 3
    assert all(float(one.get("y1", "")) > float(one.get("y2", "")) for one in intervals)


def test_larger_bins_have_larger_dots() -> None:
    radii = [float(one.get("r", "")) for one in drawn(*BINS).iter(f"{NAME}circle")]

    assert sorted(radii, reverse=True) == [radii[0], radii[2], radii[1]]


def test_it_says_in_words_what_it_shows() -> None:
    root = drawn(*BINS)
    written = [one.text or "" for one in root.iter(f"{NAME}text")]

    assert "model abc · 100 posts · mean distance 2.5%" in written
    assert root.findtext(f"{NAME}desc") == (
        "held out: said 10%, seen 0% of 50; said 50%, seen 60% of 10; said 95%, seen 100% of 40."
    )


def test_a_model_without_figures_shows_that_it_has_none() -> None:
    root = drawn(ece=None)

    assert any("no figures" in (one.text or "") for one in root.iter(f"{NAME}text"))
    assert list(root.iter(f"{NAME}circle")) == []
