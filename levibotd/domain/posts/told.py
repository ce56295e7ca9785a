"""
Trades told again: somebody is in them, was in them, or shows one to teach.

They carry a coin and levels like a call does, and only the tense of a verb, whose trade it is, or
what it has made so far gives them away.
"""

from collections.abc import Sequence

from levibotd.domain.posts.beside import is_framed, is_told
from levibotd.domain.posts.cues import cue
from levibotd.domain.posts.glance import Glance
from levibotd.domain.signal import Kind, Leg

_DAY = r"(?:yesterday|last (?:week|month|night)|(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_DONE = (
    r"(?:bought|longed|shorted|entered|went (?:long|short)|took (?:an? |this |the )?(?:long|short|trade|profit)|"
    r"sold (?:half|some|a (?:third|part))|got (?:this|it|in)\b)"
)

_PAST = cue(
    "bought longed shorted entered reentered went took got sold filled traded trade given plan",
    rf"\b(?:we|i|members|subscribers|everyone who|those who|all who) (?:have |had |all |just |already )*{_DONE}|"
    rf"^\W*took profit\b|\b(?:bought|entered|longed|shorted)\b[^\n]{{0,30}}\bwith us\b|"
    r"\bbought\b[^\n]{0,20}\bfor \d|\bfilled (?:its|their|our|my) bags?\b|\bhow (?:i|we) traded\b|"
    r"\b(?:his|her|their) (?:trade|long|short|position)\b|\bgiven at \d|\bmy plan is to sell\b|"
    r"\bre-?entered (?:at|@|from)\b",
)
_THEN = cue(
    "since previous old past yesterday last ago monday tuesday wednesday thursday friday saturday sunday morning",
    rf"\b(?:call|signal|trade|position|setup|entry|long|short)s? (?:from|of|since) {_DAY}\b|"
    r"\b(?:minutes?|hours?|days?|weeks?) ago\b|\blast (?:week|month)'?s\b|"
    rf"\b{_DAY},? (?:i|we) (?:took|bought|longed|shorted|opened|entered)\b|"
    r"\bopen since\b|"
    r"\A\W*(?:previous|old|past|last) (?:signal|call|trade|chart|setup)\b(?: of\b|[^\w\n]*(?::|$))",
)
_RUNS = cue(
    "going moving far running",
    r"\b(?:trade|long|short|position|call|signal) is going\b|\bmoving as planned\b|\bso far so good\b|\bso far \d|"
    r"\bpnl so far\b|\brunning (?:ones\b|nicely|well|great|smoothly)\b",
    "remains remain trades positions",
    r"\bremains? (?:active|open)\b|\b(?:trades|positions) are (?:on|open|running|active)\b",
    "holding + strong",
    r"\bholding strong\b(?! (?:trend|support))",
    "i we + from at since + in",
    r"\b(?:i'm|i am|we're|we are) in [#$]?[\w/]{2,15} (?:from|at|since) \d",
    "waiting happened rising log",
    r"\bstill waiting\b|\bwhat happened\b|\band rising\b",
    "log",
    r"\A[^\n]{0,24}\blog\W*:",
    "entry + now price currently",
    r"\bentry\W{1,3}\d[\d.,]*\W{1,4}now\W{1,3}\d|"
    r"\bentry\W{1,3}\d[\d.,]*[^\w\n]{1,3}(?:now|price|currently)(?: is| at)*\W{1,2}\d",
    "current currently",
    r"\bcurrent(?:ly)? (?:price)?\W{0,3}(?:[\d.,]+ ?)?\(?(?:in )?\+\s?\d|\bcurrent(?:ly)? (?:in )?profit\b",
    "unrealised unrealized mark",
    r"\bunreali[sz]ed\b|\bmark price\b",
    "roi",
    r"roi(?<=\broi)(?<!potential roi)(?<!expected roi)(?<!max roi)(?<!target roi)\W{0,2}\+\s?\d",
    "we i + up down",
    r"\b(?:we are|we're|i am|i'm) (?:now )?(?:up|down) \d",
    "price + now",
    r"\bprice is (?:now )?\d[\d.,]* now\b",
    "today since is",
    r"\d today\b|\b(?:long|short) since \d|\bis (?:now )?\+\s?\d[\d.]*\s?%",
)
_HEADED = cue("long short buy sell", r"\b(?:long|short|buy|sell)\b[^\w\n]{0,4}\(\s?\+\s?\d[\d.]*\s?%\s?\)")
_SPOKEN_OF = cue(
    "update + on for price",
    r"\bupdate (?:on|for) (?:our|my|the|this)\b|\bupdate\W{1,5}price\W{1,2}\d",
    "status review remember",
    r"\b(?:status|review) of\b|\bremember (?:our|my|this|the|that)\b",
    "this + was",
    r"\bthis was (?:our|my|the|a) (?:\w+ )?(?:call|signal|trade|setup|long|short|entry)\b",
    "triggered hit + entry entries",
    r"\b(?:entry|entries)\b[^\n]{0,16}\b(?:got |was |is )?(?:triggered|hit)\b",
    "closed rest remain been ride winner",
    r"\bclosed \d+ ?%|\brest runs\b|\btargets?\b[^\n]{0,30}\bremain\b|\b(?:have|'ve) been (?:in|long|short)\b|"
    r"\bwhat a ride\b|\bwinner\s?:",
    "keep late touched average smiling missed",
    r"\bkeep (?:your|the) (?:stop|sl) at \d|\btoo late to\b|\bnever touched\b|\bmy average entry\b|\bare smiling\b|"
    r"\bwho missed it\b",
    "journal diary",
    r"\A\W*(?:trade |trading |my )?(?:journal|diary)\b",
)
_ELSEWHERE = cue(
    "hala hâlâ geçen aldım stopum ещё неделе примера купил купила زالت اشتريت الماضي sigue siguen pasada compré "
    "vendí "
    "گذشته خریدم دادیم هنوز pozisyonumuz işlemimiz almıştık girmiştik açmıştık aldık girdik girdi girdiler dün "
    "karda çekildi "
    "вчера обновление был была дневник напомню набрали набрал зашли вошли купили перенесли лонге шорте "
    "امس الامس أمس الأمس دخلنا دخل مازلنا زلنا نقل "
    "ayer fue ganando entramos entraron compramos compraron seguimos movido "
    "دیروز خریدیم بود باز هستیم منتقل",
    r"\b(?:almış|girmiş|açmış)tık\b|\bdün\b[^\n]{0,20}\b(?:paylaş|ver(?:di|mi))|"
    r"\bkarda\b|\bstop\b[^\n]{0,12}\bçekildi\b|\d[^\n]{0,8}\b(?:aldık|aldım|girdi(?:k|ler)?)\b|"
    r"\bh[aâ]l[aâ] açık\b|\bgeçen (?:hafta|ay|gün)\b|"
    r"\bещё открыт|\bна прошлой неделе\b|\bкупил[аи]?\b[^\n]{0,20}\d|"
    r"\bما ?زالت مفتوح|\bاشتريت\b|\bال[اأ]سبوع الماضي\b|"
    r"\bsiguen? (?:abiert|activ)|\bsemana pasada\b|\b(?:compré|vendí)\b|"
    r"\bهنوز باز\b|\bهفته گذشته\b|\bخریدم\b|\bدادیم\b|"
    r"\bвчера\b[^\n]{0,25}\b(?:дали|давали|дал|вход|лонг|шорт|сигнал)|^\W*обновление по\b|"
    r"\bвход\b[^\n]{0,25}\bбыл\b|\bдневник\b|^\W*напомню\b|\b(?:набрали?|зашли|вошли|купили)\b[^\n]{0,20}\d|"
    r"\bстоп\b[^\n]{0,12}\bперенесли\b|\bперенесли\b[^\n]{0,12}\bстоп|\b(?:мы|я) (?:уже )?в (?:лонге|шорте)\b|"
    r"\bصفق[ةه] (?:ال)?[اأ]مس|\bدخلنا\b|\bدخل (?:ال)?[اأ]عضاء|\bما ?زلنا\b|\bتم نقل\b|"
    r"\bayer\b[^\n]{0,12}\b(?:compart|dimos|public|envi)|\bentrada fue\b|\bvamos ganando\b|"
    r"\b(?:entramos|compramos|entraron|compraron)\b[^\n]{0,20}\d|\bseguimos en\b|\bstop movido\b|"
    r"\bدیروز\b|\bخریدیم\b|\bورود[^\n]{0,20}\bبود\b|\bمعامله باز\b|\bهستیم\b|\bمنتقل شد",
)
_LESSON = cue(
    "imagine suppose simulation learning education training примера read looks backtest show gives örnek "
    "ejemplo مثال пример paper",
    r"\bhow to read\b|\b(?:signal|call|trade|setup)s?\b[^\n]{0,30}\blooks? (?:like\b|:)|\blet me show\b|"
    r"\bgives \d[\d.]*r\b|\A\W*(?:örnek|ejemplo|مثال|пример)\b|\A\W*paper trade\b|\b(?:imagine|suppose) (?:you|"
    r"that|we)\b|"
    r"\A\W*simulation\b|\A\W*for (?:learning|education|educational|training)\b[^\n]{0,20}:|\A\W*для примера\b",
)


def as_told(look: Glance, legs: Sequence[Leg]) -> Kind | None:
    """Of a text with the coin and levels of a call: a result if it tells a trade, chatter if it teaches; else None."""
    if _LESSON.seen(look) or is_framed(look):
        return Kind.CHATTER
    told = (_PAST, _THEN, _RUNS, _HEADED, _SPOKEN_OF, _ELSEWHERE)
    return Kind.RESULT if any(one.seen(look) for one in told) or is_told(look, legs) else None
