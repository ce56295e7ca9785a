"""
What a word does to a scan: it opens a field, names a side, or says how the numbers beside it are meant.
"""

from collections.abc import Sequence

from levibotd.domain.posts import words as w
from levibotd.domain.posts.scan import STRAY_WORDS_MAX, Scan, label
from levibotd.domain.posts.tokens import NUMBER, SIGN, WORD, Token
from levibotd.domain.posts.words import ROLE_OF

_INITIALS = {"t": w.TP, "s": w.STOP, "e": w.ENTRY}  # "T: 5", at the head of a line.
_HEADS = {w.ZONE: w.ENTRY, w.TAKE: w.TP, w.PROFIT: w.TP, w.ATTACH: w.STOP}  # "Zone: 5.1", "Take: 5.5", "Loss 🛑 4.8".
_OPENING = frozenset({"in", "open", "opening"})
_REACH = frozenset({"from", "to", "till", "until", "towards"})


_ENDING = frozenset({"close", "cover", "book"})
_TAKING = frozenset({"grab", "grabbing", "book", "booking", "secure"})  # "Grab profit around 83".
_WILL = frozenset({"to", "can", "may", "will"})  # Before a verb.
_SET = frozenset({"use", "using", "mode", "type", "x", "set"})  # Before a setting.
CLOSING_REACH = 11
_CANDLE = frozenset({"if", "we", "close", "closes", "closing", "candle", "daily", "weekly", "hour", "hourly"})
_CLOSING = frozenset({"at", "the", "of", "your", "order", "orders", "trade", "position", "price", "near", "around"})
_ORDERED = frozenset({w.ENTRY, w.TP, w.STOP, w.PROFIT, w.ATTACH})  # "Entry orders", "stop-loss orders".
_SIDES = frozenset({w.BUY, w.SELL, w.LONG, w.SHORT})


def _role_of(tokens: Sequence[Token], i: int) -> int | None:
    if i < len(tokens) and tokens[i][0] == WORD:
        return ROLE_OF.get(tokens[i][1].lower())
    return None


def _next_word(tokens: Sequence[Token], i: int) -> int | None:
    """Role of the next word, signs in between allowed, numbers not."""
    for j in range(i + 1, min(i + 4, len(tokens))):
        if tokens[j][0] == WORD:
            return ROLE_OF.get(tokens[j][1].lower(), -1)
        if tokens[j][0] == NUMBER:
            return None
    return None


def read_word(s: Scan, tokens: Sequence[Token], i: int) -> None:
    word = tokens[i][1].lower()
    role = w.role_of(word)
    if len(word) == 1 and role in (None, w.NEUTRAL) and _is_initial(tokens, i):
        role = _INITIALS[word]
    if role in _HEADS and _heads_line(tokens, i) and _level_follows(tokens, i):
        role = _HEADS[role]
    if (
        word in _REACH
        and s.out.flags & {"long", "short"}
        and s.strays <= STRAY_WORDS_MAX
        and _number_follows(tokens, i)
    ):
        _read_reach(s, word)
        return
    if role is None:
        if word in ("current", "currently", "actual", "instant", "instance"):
            _read_current(s, tokens, i)
        elif word == "open" and w.TP in (_role_of(tokens, i + 1), _last_role(tokens, i)):
            s.out.flags.add("open_targets")
        elif word in _OPENING and _opens_entry(s, tokens, i):
            label(s, w.ENTRY)
        elif word in _ENDING and (s.out.entry or s.out.sells) and _closes_at_levels(tokens, i):
            s.out.roles.add(w.TP)
            label(s, w.TP)
        elif s.field == w.STOP and s.fresh and word in _CANDLE:
            return  # "SL: if the daily candle closes below 5"
        elif len(word) > 1:
            s.strays += 1
            s.out.told[s.sentence] = s.out.told.get(s.sentence, 0) + 1
            if s.weak and s.strays > 2:
                s.field = None
                s.weak = False
        return
    s.out.roles.add(role)
    if role == w.NEUTRAL:
        return
    strong_fresh = s.labelled and s.fresh and not s.weak and s.field is not None
    if role == w.TP:
        glued = i + 1 < len(tokens) and tokens[i + 1][0] == NUMBER and tokens[i + 1][2] == tokens[i][3]
        if word == "t" and ((not glued and not _is_initial(tokens, i)) or s.strays > STRAY_WORDS_MAX):
            return
        if not (strong_fresh and s.field in (w.STOP, w.ENTRY) and _is_adjacent(tokens, i)):
            label(s, w.TP)
    elif role == w.STOP:
        _read_stop(s, tokens, i, strong_fresh=strong_fresh)
    elif role in (w.BUY, w.SELL, w.LONG, w.SHORT):
        _read_side(s, tokens, i, role, strong_fresh=strong_fresh)
    elif role == w.ENTRY:
        if word in ("price", "precio"):
            if i + 1 < len(tokens) and tokens[i + 1][1].lower() == "now" and not strong_fresh:
                label(s, w.ENTRY)
                s.out.current.add(s.group)
            elif s.field is None and not s.out.entry and _is_title(tokens, i):
                label(s, w.ENTRY)
        elif i > 1 and tokens[i - 2][1].lower() == "re" and tokens[i - 1][1] == "-":
            label(s, w.SKIP)  # "Exit / re-entry 300" is a plan for later.
        elif not strong_fresh or s.field in (w.SKIP, w.TP, w.SELL, w.LEV):
            label(s, w.ENTRY)
    else:
        _read_modifier(s, tokens, i, role, strong_fresh=strong_fresh)


def _last_role(tokens: Sequence[Token], i: int) -> int | None:
    """Role of the word before, signs in between allowed: of "targets" in "Targets: open"."""
    while i and tokens[i - 1][0] == SIGN:
        i -= 1
    return _role_of(tokens, i - 1) if i else None


def _closes_at_levels(tokens: Sequence[Token], i: int) -> bool:
    """Whether a line says where to close: "Close 165.60 178", "1) Close the order at 45200", not "close 50%"."""
    if any(token[0] == WORD for token in tokens[:i]):
        return False
    for j in range(i + 1, min(i + CLOSING_REACH, len(tokens))):
        kind, word, _, _ = tokens[j]
        if kind == NUMBER and j == i + 1 and [token[1].lower() for token in tokens[j + 1 : j + 3]] == ["%", "of"]:
            continue  # "Close 25% of position at 8.10"
        if kind == NUMBER:
            after = tokens[j + 1] if j + 1 < len(tokens) else None
            share = any(token[1] == "%" for token in tokens[j + 1 : j + 4])
            return not share and (after is None or after[0] != WORD or w.role_of(after[1]) is not None)
        if kind == WORD and word.lower() not in _CLOSING:
            return False
    return False


def _heads_line(tokens: Sequence[Token], i: int) -> bool:
    """Whether this is the first word of its line, and the line tells prices, not percents."""
    if any(token[0] in (WORD, NUMBER) for token in tokens[:i]):
        return False
    return all(token[1] not in "%+" for token in tokens[i : i + 5])


def _is_initial(tokens: Sequence[Token], i: int) -> bool:
    """Whether one letter stands for a label: "S: 4.8"."""
    if tokens[i][1].lower() not in _INITIALS or i + 1 >= len(tokens) or tokens[i + 1][1] not in ":=":
        return False
    return (i > 0 and tokens[i - 1][1] == "|") or all(token[0] != WORD for token in tokens[:i])


def _number_follows(tokens: Sequence[Token], i: int) -> bool:
    """Whether a number is next, a dollar sign at most between."""
    after = [token[0] for token in tokens[i + 1 : i + 3] if token[1] != "$"]
    return bool(after) and after[0] == NUMBER


def _opens_entry(s: Scan, tokens: Sequence[Token], i: int) -> bool:
    """Whether a word of no role means an entry here: "get in", "open at 131"."""
    word = tokens[i][1].lower()
    if word == "in":
        return i > 0 and tokens[i - 1][1].lower() == "get"
    return not s.out.entry and _level_follows(tokens, i)


def _level_follows(tokens: Sequence[Token], i: int) -> bool:
    """Whether a number comes next, a word of place and signs at most between: "open at 131"."""
    for kind, word, _, _ in tokens[i + 1 : i + 5]:
        if kind == NUMBER:
            return True
        if kind == WORD and word.lower() not in ("at", "around", "near", "price"):
            return False
    return False


def _read_reach(s: Scan, word: str) -> None:
    """ "Long from 195" enters there, "long to 230" goes there."""
    if word == "from":
        if s.field is None or s.weak:
            label(s, w.ENTRY)
    elif (s.weak and s.fresh) or (s.field is None and s.out.entry and not s.out.tps):
        label(s, w.TP)


def _crosses_lines(tokens: Sequence[Token], i: int) -> bool:
    """Whether lines of a chart cross: "RSI cross on 4h", "about to cross", not "use cross", "cross 20x"."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if (
        not i
        or tokens[i - 1][0] != WORD
        or (after is not None and (after[0] == NUMBER or _role_of(tokens, i + 1) == w.LEV))
    ):
        return False
    before = tokens[i - 1][1].lower()
    return before in _WILL or (w.role_of(before) in (None, w.SKIP) and before not in _SET)


def _is_adjacent(tokens: Sequence[Token], i: int) -> bool:
    """Whether the word before stands next to this one: "entry targets", not "SL none, targets"."""
    return i > 0 and (tokens[i - 1][0] == WORD or (i > 1 and tokens[i - 1][1] in "-/_" and tokens[i - 2][0] == WORD))


def _read_current(s: Scan, tokens: Sequence[Token], i: int) -> None:
    following = tokens[i + 1][1].lower() if i + 1 < len(tokens) else ""
    if following == "execution":
        s.out.flags.add("instant")
    elif following in ("price", "rate"):
        if s.field == w.ENTRY and s.numbers_here and not _more_numbers(tokens, i):
            return  # "210 (current price)" is an entry like those below it.
        if s.labelled and s.fresh and s.field == w.ENTRY:
            s.out.now_line = s.line
        elif s.field is None or not s.fresh or not s.labelled:
            label(s, w.ENTRY)
            s.out.current.add(s.group)


def _more_numbers(tokens: Sequence[Token], i: int) -> bool:
    """Whether a number follows on this line."""
    return any(token[0] == NUMBER for token in tokens[i + 1 :])


def _is_title(tokens: Sequence[Token], i: int) -> bool:
    """Whether a sign or a number follows: "Price: 5", not "price holds above 5"."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    return after is not None and (
        after[0] == NUMBER or after[1] in ":=-@>$~" or ROLE_OF.get(after[1].lower()) == w.ZONE
    )


def _is_told_before_its_side(tokens: Sequence[Token], i: int) -> bool:
    """Whether a level is beside this word and what to do there behind both: "above 5 buy", "5 üstü al"."""
    if i and tokens[i - 1][0] == NUMBER:
        return _role_of(tokens, i + 1) in _SIDES
    level = next((j for j in (i + 1, i + 2) if j < len(tokens) and tokens[j][0] == NUMBER), None)
    return level is not None and _number_follows(tokens, i) and _role_of(tokens, level + 1) in _SIDES


def _read_stop(s: Scan, tokens: Sequence[Token], i: int, *, strong_fresh: bool) -> None:
    following = _next_word(tokens, i)
    named = tokens[i][1].lower() == "stop" and _is_adjacent(tokens, i)  # "Buy stop 5", not "buy X sl=5".
    if named and strong_fresh and s.field in (w.ENTRY, w.SELL) and following not in (w.ATTACH, w.TP):
        s.out.flags.add("stop_entry")
        return
    label(s, w.STOP)


def _read_side(s: Scan, tokens: Sequence[Token], i: int, role: int, *, strong_fresh: bool) -> None:
    word = tokens[i][1].lower()
    s.out.sides.add(s.sentence)
    if i + 1 < len(tokens) and tokens[i + 1][1] == "[":
        label(s, w.SKIP)  # "Buy[53%]: 259.7" counts orders of others.
        return
    if role in (w.LONG, w.SHORT):
        following = _next_word(tokens, i)
        if i and tokens[i - 1][1].lower() in ("exit", "close"):
            return  # "Exit long and place short": the side that ends is not the one meant.
        if following == w.TERM:
            s.out.roles.discard(role)
            s.out.flags.add("term")
            return
        if following == w.TP and s.out.entry:
            s.out.roles.discard(role)
            return
        s.out.flags.add("long" if role == w.LONG else "short")
        if not s.out.entry and not strong_fresh:
            label(s, w.ENTRY, weak=True)
        return
    if word == "sat" and i and tokens[i - 1][0] == NUMBER:
        s.out.flags.add("satoshi")
        return
    if word == "al" and i + 1 < len(tokens) and _role_of(tokens, i + 1) == w.ATTACH:
        return
    if word == "al" and i and tokens[i - 1][1].lower() in ("kar", "kâr"):
        s.out.roles.add(w.TP)
        label(s, w.TP)  # "Kar al 1" takes profit; it buys nothing.
        return
    if role == w.BUY:
        s.out.flags.add("buy")
        if not (strong_fresh and s.field == w.TP):
            label(s, w.ENTRY)
        return
    s.out.flags.add("sell")
    if _next_word(tokens, i) == w.TP:
        return
    if strong_fresh and s.field in (w.ENTRY, w.STOP, w.TP):
        return
    label(s, w.SELL)


def _read_modifier(s: Scan, tokens: Sequence[Token], i: int, role: int, *, strong_fresh: bool) -> None:
    word = tokens[i][1].lower()
    if (role, _next_word(tokens, i)) in ((w.TAKE, w.PROFIT), (w.PROFIT, w.ZONE)):
        s.out.roles.add(w.TP)
        label(s, w.TP)
    elif role == w.PROFIT and i and tokens[i - 1][1] == "%":
        return  # "(88% profit)" says what the target before it pays.
    elif role == w.PROFIT and i and tokens[i - 1][1].lower() in _TAKING and _level_follows(tokens, i):
        s.out.roles.add(w.TP)
        label(s, w.TP)
    elif role == w.PROFIT and s.field in (w.TP, w.SELL) and s.numbers_here and not _more_numbers(tokens, i):
        return  # "190 quick profit" is a target like those below it.
    elif role == w.PROFIT:
        beside = strong_fresh and s.field == w.TP and _is_adjacent(tokens, i)
        if not beside and _next_word(tokens, i) != w.TP:
            label(s, w.SKIP)
    elif role == w.LEV:
        if word == "cross" and _crosses_lines(tokens, i):
            return
        if word in ("cross", "isolated", "izole"):
            s.out.flags.add("isolated" if word == "izole" else word)
        if word == "margin" and i and tokens[i - 1][1].lower() == "on":
            return  # "Buy on margin @ 3.36"
        if not (strong_fresh and s.field in (w.TP, w.STOP)):
            label(s, w.LEV)
    elif role == w.SKIP:
        if not strong_fresh:
            label(s, w.SKIP)
    elif role == w.NOW and s.out.entry and not s.labelled and _number_follows(tokens, i):
        label(s, w.SKIP)  # A line that tells what it costs now, below its entry.
    elif role == w.NOW and word == "here" and i and tokens[i - 1][1].lower() == "between":
        s.out.flags.add("averaging")
    elif role == w.NOW:
        if word == "market" and _role_of(tokens, i + 1) == w.ENTRY and not s.out.entry:
            s.out.now_line = s.line  # "Market entry: 5"
        if word == "market" and i + 1 < len(tokens) and tokens[i + 1][1].lower() == "execution":
            s.out.flags.add("instant")
        if word == "cmp" or (s.labelled and s.fresh and s.field in (w.ENTRY, w.SELL)):
            s.out.now_line = s.line
            if s.field is None:
                label(s, w.ENTRY)
        elif word == "now" and s.field is None and not s.out.entry:
            s.out.now_line = s.line
            label(s, w.ENTRY, weak=True)
    elif role in (w.BELOW, w.ABOVE):
        if s.field in (w.ENTRY, w.SELL) and (s.labelled or s.numbers_here or s.fresh):
            if role == w.BELOW:
                s.out.below.add(s.line)
            elif s.fresh or _is_told_before_its_side(tokens, i):
                s.out.above.add(s.line)
        elif s.field is None and not s.out.entry and s.out.flags & {"long", "short", "buy"} and _is_title(tokens, i):
            label(s, w.ENTRY)
            (s.out.below if role == w.BELOW else s.out.above).add(s.line)
        elif s.field is None and not s.out.entry and _is_told_before_its_side(tokens, i):
            (s.out.below if role == w.BELOW else s.out.above).add(s.line)
    elif role == w.SAT:
        if i and tokens[i - 1][0] != WORD:
            s.out.flags.add("satoshi")
    elif role == w.RATIO:
        if word == "orders" and (_next_word(tokens, i) == w.ENTRY or _role_of(tokens, i - 1) in _ORDERED):
            return  # "Place buy orders between 73 and 76."
        if word in ("average", "averaging") and s.field == w.ENTRY and s.numbers_here:
            s.out.flags.add("averaging")
        if word != "r" or (i + 1 < len(tokens) and tokens[i + 1][1] in ":/-&"):
            s.skip_line = True
    elif role == w.WHEN:
        if not s.numbers_here:
            s.skip_line = True
    elif role == w.ZONE and s.field == w.ENTRY:
        s.out.flags.add("zone")
