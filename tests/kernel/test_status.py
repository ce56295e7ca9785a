import msgspec

from levibotd.kernel.status import GroupStatus, State, Unstopped, UnstoppedReport


def test_snapshots_can_be_served_as_they_are() -> None:
    tree = GroupStatus(name="root", state=State.RUNNING, strategy="one_for_one", restarts=0, children=())
    report = UnstoppedReport(unstopped=(Unstopped(name="a", stack="x"),), killed=(), dead_letters=0, elapsed_s=1.5)

    assert msgspec.json.decode(msgspec.json.encode(tree))["state"] == "running"
    assert msgspec.json.decode(msgspec.json.encode(report))["unstopped"] == [{"name": "a", "stack": "x"}]
