"""What a scan remembers."""

from levibotd.domain.posts import words as w
from levibotd.domain.posts.scan import Scan, label


def test_a_new_label_opens_a_new_group_and_waits_for_its_number() -> None:
    scan = Scan()
    scan.strays, scan.join = 2, "-"
    label(scan, w.ENTRY, weak=True)
    assert (scan.field, scan.weak, scan.fresh, scan.labelled) == (w.ENTRY, True, True, True)
    assert (scan.group, scan.strays, scan.join) == (1, 0, "")
    label(scan, None)
    assert (scan.field, scan.weak, scan.group) == (None, False, 2)
