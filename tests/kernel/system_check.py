"""
A checker of whole systems: three actors in a row, random work, crashes, restarts, and a stop.

`check` runs one script on virtual time and then goes through the books: who handled what, what
became of each message and each request, what ran when, and what is left.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from hypothesis import strategies as st

from levibotd.kernel.actor import Actor, Reply
from levibotd.kernel.clock import Clock
from levibotd.kernel.control import Resume, Suspend
from levibotd.kernel.errors import ActorCrashed, ActorRestarting, ActorStopped, NotServed
from levibotd.kernel.events import Event, Exit
from levibotd.kernel.mailbox import Box, Ref, Request
from levibotd.kernel.supervisor import Child, Group, System
from levibotd.kernel.virtual_time import run_virtual

NAMES = ("a", "b", "c")
ASK_TIMEOUT_S = 1000.0
LONGEST_PAUSE_S = 120.0


@dataclass(frozen=True)
class Job(Request[object]):
    """Work for all three actors in turn; `act` happens at the actor called `at`."""

    number: int
    trace: str
    act: str
    at: str


@dataclass(frozen=True)
class AnswerKept:
    """To oneself, after a while: answer the replies kept so far."""


@dataclass
class Books:
    """What was seen to happen."""

    told: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    completed: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    begun: dict[str, list[Job]] = field(default_factory=lambda: defaultdict(list))
    handling: Counter[str] = field(default_factory=Counter)
    tasks: Counter[tuple[str, str]] = field(default_factory=Counter)
    alive: Counter[str] = field(default_factory=Counter)
    outcomes: list[object] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, good: bool, what: str) -> None:
        """Note a fault where an exception would only be one more crash."""
        if not good:
            self.wrong.append(what)


class Worker(Actor[Job | AnswerKept]):
    """Does what a job says and hands it on."""

    def __init__(self, name: str, books: Books, clock: Clock, onward: Ref[Job] | None) -> None:
        self.name, self.books, self.clock, self.onward = name, books, clock, onward
        self.kept: list[Reply] = []
        self.seen = 0
        self.lives = 0

    async def on_start(self) -> None:
        self.lives += 1
        self.books.expect(self.lives == 1 and self.seen == 0, f"{self.name} began with the state of an earlier life")
        self.books.expect(self.books.alive[self.name] == 0, f"a task of {self.name} outlived its incarnation")

    async def receive(self, message: Job | AnswerKept) -> object:
        books, name = self.books, self.name
        books.handling[name] += 1
        books.expect(books.handling[name] == 1, f"two handlers of {name} at once")
        self.seen += 1
        try:
            if isinstance(message, AnswerKept):
                while self.kept:
                    self.kept.pop().send("late")
                return None
            books.begun[name].append(message)
            if message.at == name:
                await self._act(message)
            else:
                await asyncio.sleep(0)
            if self.onward is not None:
                await self.onward.tell(message)
                books.told[self.onward.name][message.number] += 1
            books.completed[name][message.number] += 1
            return "done"
        finally:
            books.handling[name] -= 1

    async def _act(self, job: Job) -> None:
        match job.act:
            case "crash":
                raise RuntimeError("told to")
            case "wait":
                await self.clock.sleep(0.3)
            case "task" | "stubborn" | "failing":
                self.start(partial(self._task, job), key=job.trace)
            case "keep":
                self.kept.append(self.take_reply())
                self.after(0.5, AnswerKept(), key="answer")

    async def _task(self, job: Job) -> None:
        books, key = self.books, (self.name, job.trace)
        books.tasks[key] += 1
        books.alive[self.name] += 1
        books.expect(books.tasks[key] == 1, f"two tasks of one key of {self.name}")
        try:
            await self.clock.sleep(0.2)
            if job.act == "failing":
                raise RuntimeError("told to")
        finally:
            try:
                if job.act == "stubborn":
                    await self.clock.sleep(0.4)
            finally:
                books.tasks[key] -= 1
                books.alive[self.name] -= 1

    async def on_stop(self, reason: Exit) -> None:
        self.books.expect(self.books.alive[self.name] == 0, f"{self.name} said goodbye with tasks running")


ACTS = st.sampled_from(["pass", "pass", "crash", "crash", "wait", "task", "stubborn", "failing", "keep"])
STEPS = st.one_of(
    st.tuples(st.sampled_from(["tell", "tell", "ask", "offer"]), ACTS, st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["tell", "ask"]), st.sampled_from(["crash", "keep"]), st.sampled_from(NAMES)),
    st.tuples(st.just("again"), st.just("crash"), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["restart", "suspend", "resume"]), st.just(""), st.sampled_from(NAMES)),
    st.tuples(st.just("sleep"), st.sampled_from(["0.01", "0.1", "0.6", "3"]), st.just("")),
    st.tuples(st.just("sleep"), st.sampled_from(["0.01", "0.1", "0.6", "3"]), st.just("")),
    st.tuples(st.just("stop"), st.just(""), st.just("")),
)
Step = tuple[str, str, str]
SCRIPTS = st.lists(STEPS, min_size=1, max_size=14)


class Bench:
    """A system under a script."""

    def __init__(self, clock: Clock, system_class: type[System]) -> None:
        self.clock = clock
        self.books = Books()
        self.events: list[Event] = []
        self.refs: dict[str, Ref[Any]] = {name: Ref(name, Box(2)) for name in NAMES}
        group = Group("g", intensity=3, period_s=5, children=tuple(self._child(name) for name in reversed(NAMES)))
        self.system = system_class(
            Group("root", intensity=1, children=(group,)), clock=clock, on_event=self.events.append, rng=Random(1)
        )
        self.senders: list[asyncio.Task[None]] = []
        self.number = 0
        self.asked = 0

    def _child(self, name: str) -> Child:
        onward = self.refs.get(chr(ord(name) + 1))
        return Child(
            self.refs[name],
            lambda: Worker(name, self.books, self.clock, onward),
            waits_on=() if onward is None else (onward,),
            drain=name == "b",
        )

    async def run(self, script: list[Step]) -> None:
        await self.system.start()
        for verb, argument, name in script:
            match verb:
                case "stop":
                    break
                case "sleep":
                    await self.clock.sleep(float(argument))
                case "restart":
                    self.system.restart(name)
                case "suspend":
                    self.refs[name].control(Suspend())
                case "resume":
                    self.refs[name].control(Resume())
                case _:
                    self._send(verb, argument, name)
        else:
            for name in NAMES:
                self.refs[name].control(Resume())
            await self.clock.sleep(LONGEST_PAUSE_S)
        await self.system.stop()
        await asyncio.gather(*self.senders)

    def _send(self, verb: str, act: str, at: str) -> None:
        self.number += 1
        trace = f"poison {at}" if verb == "again" else f"t{self.number % 3}-{act}-{at}"
        job = Job(self.number, trace, act, at)
        if verb == "offer":
            if self.refs["a"].offer(job):
                self.books.told["a"][job.number] += 1
            return
        self.asked += verb == "ask"
        send = self._ask if verb == "ask" else self._tell
        self.senders.append(asyncio.get_running_loop().create_task(send(job)))

    async def _tell(self, job: Job) -> None:
        try:
            await self.refs["a"].tell(job)
        except ActorStopped:
            return
        self.books.told["a"][job.number] += 1

    async def _ask(self, job: Job) -> None:
        try:
            outcome: object = await self.refs["a"].ask(job, timeout_s=ASK_TIMEOUT_S)
        except (NotServed, TimeoutError) as error:
            outcome = error
        self.books.outcomes.append(outcome)
        # Whether it came in is seen from the other side: it was begun, or lies with the dead letters.
        came_in = job in self.books.begun["a"] or any(
            letter.message == job for letter in self.system.dead_letters.all()
        )
        if came_in:
            self.books.told["a"][job.number] += 1


def check(script: list[Step], system_class: type[System] = System) -> None:
    """Run the script and go through the books. Raises AssertionError."""

    async def main(clock: Clock) -> None:
        bench = Bench(clock, system_class)
        await bench.run(script)
        assert bench.books.wrong == []
        _check_messages(bench)
        _check_requests(bench)
        _check_poison(bench)
        _check_traces(bench)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"still running: {left}"

    run_virtual(main)


def _check_messages(bench: Bench) -> None:
    dead: dict[str, Counter[int]] = defaultdict(Counter)
    for letter in bench.system.dead_letters.all():
        if isinstance(letter.message, Job):
            dead[letter.actor][letter.message.number] += 1
    for name in NAMES:
        told, ended = bench.books.told[name], bench.books.completed[name] + dead[name]
        assert told == ended, f"{name}: told {told}, ended {ended}"
        lane = bench.refs[name].mailbox.user
        assert lane.appended == lane.taken + lane.shed
        assert not lane.items
        assert not lane.line


def _check_requests(bench: Bench) -> None:
    outcomes = bench.books.outcomes
    assert len(outcomes) == bench.asked
    for outcome in outcomes:
        allowed = ActorCrashed | ActorRestarting | ActorStopped
        # Nothing here takes as long as an ask waits: a timeout means that an answer was forgotten.
        assert not isinstance(outcome, BaseException) or isinstance(outcome, allowed), repr(outcome)


def _check_poison(bench: Bench) -> None:
    for name in NAMES:
        crashes = Counter(job.trace for job in bench.books.begun[name] if job.act == "crash" and job.at == name)
        assert all(count <= 2 for count in crashes.values()), f"poison ended more than two incarnations: {crashes}"


def _check_traces(bench: Bench) -> None:
    for job in bench.books.begun["a"]:
        where = [record.actor for record in bench.system.trace(job.trace) if record.message_type == "Job"]
        assert set(where) <= set(NAMES)
        assert "a" in where
    for name in NAMES[1:]:
        earlier = {job.number: job.trace for job in bench.books.begun["a"]}
        assert all(earlier[job.number] == job.trace for job in bench.books.begun[name])
