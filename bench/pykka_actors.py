"""pykka among the contenders: a thread an actor, unbounded boxes, no supervision."""

import logging
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import pykka

from bench.contenders import HOPS, Note
from bench.measure import now


class Sink(pykka.ThreadingActor):
    def __init__(self, count: int, done: threading.Event) -> None:
        super().__init__()
        self._left = count
        self._done = done

    def on_receive(self, message: Any) -> None:
        self._left -= 1
        if not self._left:
            self._done.set()


class Station(pykka.ThreadingActor):
    def __init__(self, hand_on: Callable[[Note], None]) -> None:
        super().__init__()
        self._hand_on = hand_on

    def on_receive(self, message: Any) -> None:
        self._hand_on(message)


class Echo(pykka.ThreadingActor):
    """What fails in pykka is gone for good, with its mail: whoever wants it anew says so by `on_gone`."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        super().__init__()
        self._on_gone = on_gone

    def on_receive(self, message: Any) -> Any:
        if message is None:
            raise RuntimeError("planted")
        return message

    def on_failure(self, *_error: Any) -> None:
        self._on_gone()


class Pykka:
    """CPU is that of all threads of the process."""

    def __init__(self) -> None:
        logging.getLogger("pykka").setLevel(logging.CRITICAL + 1)

    def tell(self, count: int, *, senders: int) -> float:
        done, each = threading.Event(), count // senders
        sink = Sink.start(each * senders, done)

        def send() -> None:
            for number in range(each):
                sink.tell(Note(number, 0.0))

        threads = [threading.Thread(target=send) for _ in range(senders)]
        begun = time.process_time()
        for thread in threads:
            thread.start()
        done.wait()
        cost = (time.process_time() - begun) / (each * senders)
        for thread in threads:
            thread.join()
        sink.stop()
        return cost

    def pipeline(self, count: int) -> float:
        cost, _ = self._through_six(count, one_by_one=False)
        return cost

    def ask(self, count: int) -> float:
        echo, waits = Echo.start(lambda: None), []
        for number in range(count):
            begun = now()
            echo.ask(Note(number, begun))
            waits.append(now() - begun)
        echo.stop()
        return statistics.median(waits)

    def six_hops(self, count: int) -> float:
        _, waits = self._through_six(count, one_by_one=True)
        return statistics.median(waits)

    def crash(self, count: int) -> float:
        gone, waits = threading.Event(), []
        echo = Echo.start(gone.set)
        for number in range(count):
            gone.clear()
            begun = now()
            echo.tell(None)
            gone.wait()
            echo = Echo.start(gone.set)
            echo.ask(Note(number, begun))
            waits.append(now() - begun)
        echo.stop()
        return statistics.median(waits)

    def _through_six(self, count: int, *, one_by_one: bool) -> tuple[float, list[float]]:
        waits: list[float] = []
        arrived, done = threading.Semaphore(0), threading.Event()

        def finish(note: Note) -> None:
            waits.append(now() - note.begun)
            if one_by_one:
                arrived.release()
            if note.number == count - 1:
                done.set()

        stations = [Station.start(finish)]
        for _ in range(HOPS - 1):
            stations.append(Station.start(stations[-1].tell))
        begun = time.process_time()
        for number in range(count):
            stations[-1].tell(Note(number, now()))
            if one_by_one:
                arrived.acquire()
        done.wait()
        cost = (time.process_time() - begun) / count
        for station in stations:
            station.stop()
        return cost, waits
