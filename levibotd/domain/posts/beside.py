"""
What is said in the very sentences that hold the levels of a trade: whether it was made before it was told.

Channels chat about what was, and then call. So a past tense counts where it stands with the coin or a level of the
trade itself, and nowhere else. There wide lists can do what narrow ones cannot: know words never met.
"""

import re
from collections.abc import Iterator, Sequence

from levibotd.domain.posts.cues import Cue, cue
from levibotd.domain.posts.glance import Glance, glance
from levibotd.domain.signal import Leg, Side

ENOUGH = 2  # Points from which on a trade is told, not called.
HEADING_WORDS_MAX = 7
WORDS_BETWEEN_MAX = 6  # Of a verb and the level it governs.

_SENTENCE_END = re.compile(r"\n|(?<=[.!?؟])\s+(?=\D)|[;؛]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PAIR = re.compile(r"[#$][a-z0-9]{2,12}|[a-z0-9]{2,10} ?/ ?(?:usdt?|btc|busd)\b|[a-z0-9]{2,10}usdt\b")

# A verb in -ed is a trader's deed, but for what markets, charts and channels do, and what is no verb.
_NO_DEED_WORDS = (
    "closed tested retested touched reached rejected bounced reclaimed flipped dropped dumped pumped rallied traded "
    "formed printed tapped failed crossed moved climbed corrected retraced pulled consolidated dipped jumped spiked "
    "surged crashed collapsed recovered reversed started turned looked happened confirmed completed increased "
    "decreased recommended recommed suggested expected limited based need needed used updated advised leveraged said "
    "told asked mentioned wanted waited listed announced released launched planned required targeted included speed "
    "red led indeed bed feed shed exceed proceed succeed united detailed mixed fixed related interested unlimited "
    "estimated projected calculated measured rated attached edited adjusted changed revised raised lowered "
    "posted published provided generated created designed detected leaked laddered layered scaled registered missed "
    "noticed spotted witnessed experienced integrated tagged received gained isolated preferred desired proposed "
    "anticipated predicted forecasted defined staggered extended optimized optimised refined verified guaranteed "
    "trusted advanced combined weighted"
)
_NO_DEEDS = frozenset(_NO_DEED_WORDS.split())
_IRREGULAR = (
    "bought|sold|took|got|went|made|had|gave|caught|rode|saw|did|came|found|began|held|kept|left|paid|ran|sent|stood|"
    "won|lost|was|were|grew|chose|stuck|swung|struck"
)
# Each word one way only, and no more of them than count: where there are two ways, a long sentence never ends.
_BETWEEN = r"(?:a|\d ?%|[#$]?[a-z0-9]{2,10}(?:/[a-z]{3,5})?)"
_GOVERNED = re.compile(  # "Scooped some at 7.2"
    rf"\b([a-z]{{2,}}ed|{_IRREGULAR})\b(?: {{1,3}}{_BETWEEN}){{0,{WORDS_BETWEEN_MAX}}}? {{0,3}}[:=@~(]? {{0,3}}\$?"
    r"(\d+(?:[.,]\d+)*)"
)
_WHO = "we|i|he|she|they|members|subscribers|students?|team|desk|room|bot|guru|friend|client|whale"
_SOMEBODY = re.compile(
    rf"\b(?:{_WHO})(?:'ve|'d|'s)?(?: (?:have|had|has|just|already|also|then|\w+ly|all|who))* "
    rf"([a-z]{{3,}}ed|{_IRREGULAR})\b"
)
_BEGINS = re.compile(r"\W*([a-z]{3,}ed|sold|took|got|caught|rode|went|made|won)\b")

_PAST_ELSEWHERE = re.compile(
    # "Topladık", "verdiğimiz"; "открыли", "купил"; "entraron", "abrí", "acheté"; "gekauft"; "دخلنا"; "خریدیم"
    r"[fstkçşhp]t[iuü]k\b|[^\W\d_fstkçşhp]d[iuü]k\b|[dt][iuü]ğ[iuü]m[iuü]z\b|\b(?:al|gir|aç|topla|sat|"
    r"ekle)[dt][iuü]m\b|"
    r"\b[а-яё]{3,}(?:ли|лись)(?<!мысли)(?<!недели)(?<!модели)(?<!детали)\b|"
    r"\b(?:куп|откр|взя|набра|прода|зафиксирова|забра|зашё|вошё)[а-я]*л\b|"
    r"[a-z]{2}(?:é|í|aron|ieron)\b(?<!aqu[íi])(?<!as[íi])(?<!all[íi])(?<!ahí)"
    r"(?<!nhé)(?<!\baté)(?<!\bqué)(?<!marché)(?<!perché)|"
    r"\b(?:j'ai|on a (?:pris|achet|vendu|gagn|ouvert|ferm|touch)[a-zé]*|nous avons|"
    r"wir haben|ich habe|gekauft|eingestiegen|abbiamo|entramos|abrimos|operamos|dimos)\b|"
    r"\b(?!قنات|موقع|فريق|مجموعت|سولانا|[أا]?هداف|هدفنا|مجانا|[أا]حيانا)\w{3,}نا(?:ها|ه)?\b|"
    r"\b(?!تقدیم)\w{2,}(?:دیم|تیم)\b"
)
_THEY_DID = re.compile("пробил|отскоч|закрыл|упал|вырос|дош|достиг|протест|удерж|сформир|были")  # Prices, not traders.

_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_TIME = cue(
    "yesterday ago earlier this last on from since our of it in hour hours days back dün geçen bu вчера прошлой "
    "прошлая прошлый прошлую прошлого прошлом прошлое "
    "назад seit depuis desde منذ از утра ayer anoche pasada pasado hier dernier dernière gestern "
    "letzte letzten ontem passada أمس امس الامس الأمس الماضي دیروز گذشته دیشب ieri kemarin wczoraj 昨日 昨天 어제 old "
    "later",
    rf"\b(?:yesterday|ago|earlier (?:today|this)|this morning|last (?:night|week|month|year|{_DAY})|"
    rf"(?:on|from|since|our) (?:last )?{_DAY}|\d+ ?(?:h|hours?|days?|weeks?) (?:in\b|later|old)|it has been|back in|"
    rf"since (?:{_DAY}|yesterday|last|this|\d)|seit|depuis|desde(?! \$?\d)|с утра|dün|geçen|bu sabah|"
    rf"вчера|прошл\w+|назад|ayer|anoche|pasad[oa]|d'hier|hier (?:soir|matin|nous|on|j'ai|à)|dernière?|gestern|"
    r"letzten?|ontem|passad[oa])\b|"
    r"\b(?:ال)?[أا]مس\b|الماضي|منذ|دیروز|گذشته|دیشب|از صبح|\b(?:ieri|kemarin|wczoraj)\b|"
    r"昨日|昨天|어제",
)
_STATE = cue(
    "still floating unrealised unrealized is are am re m now already so open rides risk off stop climbing "
    "untouched hold holds holding sit sits sitting lives works working hovering resting heading creeping remains "
    "triggered running сидим держим держу плюсе ещё sigo seguimos sigue siguen toujours liegt noch im ainda já "
    "estamos devam keyifli hâlâ hala karda longda shortta ganando laisse gidiyor masih siamo jesteśmy abierta "
    "abiertos aberta aperta ouvert ouverte offen открыта открыт حتى مفتوحة المفتوحة تفعيل مازال مازالت زال زالت "
    "plays keep keeps ما سارية مفعلة داخلين تاکنون هنوز باز هستیم هستند",
    r"\b(?:still (?:open|on|alive|going|in (?:it|this|profit))|floating|"
    r"(?:is|are|still|now|currently|keeps?) running|running (?:nicely|well|trades?|positions?|longs?|shorts?)|"
    r"unreali[sz]ed|(?:is|are|now|already|%) in (?:profit|the green|the money|plus)|so far|open for|rides|risk[- ]free|"
    r"off the table|stop (?:is )?(?:now )?at (?:entry|break)|climbing|untouched|lives on|plays out|"
    r"(?:i|we|he|she|they|who)(?:'m|'re| am| are| is)?(?: still| now| all| already)? (?:hold|holds|holding|sit|"
    r"sitting|long|"
    r"short|in)(?! (?:now|here|at market))|(?:hovering|resting|creeping)|"
    r"(?:is|are|keeps?) (?:going|moving|working) (?:well|nicely|fine|great|strong|up|down|as|our)|"
    r"remains(?! (?:bullish|bearish|strong|weak|intact))|triggered|"
    r"(?:сидим|держ(?:им|у))|в плюсе|ещё открыт\w*|sigo|seguimos|siguen?|toujours|on laisse|liegt|noch offen|im plus|"
    r"ainda|já|estamos|devam|keyifli|h[aâ]l[aâ] (?:açık|devam)|karda|longda|shortta|ganando)\b|"
    r"حتى ال[آا]ن|\bما ?زال|مفعل[ةه]|\bداخلين\b|تاکنون|هنوز باز|هستی?م\b|هستند|مفتوح[ةه]|تم تفعيل|"
    r"\b(?:gidiyor|masih|siamo|jesteśmy|abiert[oa]s?|aberta|aperta|ouverte?|открыта?)\b|\bopen \+\d",
)
_RESULT = cue(
    "r p l pnl outcome made gained earned won up so in profit on paid easy usdt",
    r"\+ ?\d+(?:[.,]\d+)? ?r\b|\d ?r (?:open|so far|profit|booked)|\b(?:p/l|pnl|outcome)\b|"
    r"\b(?:made|gained|earned|won|easy|up) \d+(?:[.,]\d+)? ?%|\d ?% (?:so far|up|in profit|on spot)|\(paid\)",
)
_GAINED = re.compile(r"[^\w\n%(-]\+ ?\d+(?:[.,]\d+)? ?%")
_ASKED = re.compile(  # Who else is in, and who is ready, is asked of a call, too.
    r"\b(?!(?:is|who(?:'s| is)) (?:ready|in\b(?! profit))|are (?:you|u|we) (?:ready|in\b(?! profit)))"
    r"(?:should|would|could|do|does|did|how|what|who|which|is|are|am|can|cuánto|qué|как|что|стоит|mi|kim|nasıl|هل|"
    r"كم)\b"
    r"[^\n.!:]{3,80}[?؟]\W*\Z".replace("ı", "i")
)
_COUNTED = re.compile(r"[+-] ?\d+(?:[.,]\d+)? ?r\b|\+ ?\$?\d+(?:[.,]\d+)? ?(?:usdt|usd|\$|dollars)(?!\w)")  # "+1.2R"
_OWNER = cue(
    "student students friend friends client clients subscriber subscribers reader readers user whale guru tweet "
    "wrote copy copytrader copytrading copytrade "
    "broker statement musterdepot depot ученик bot portfolio vip premium elite free testimonial ticket "
    "executed üyelerimiz alumnos أعضاء اعضاء بچه",
    r"\b(?:students?|friends?|clients?|subscribers?|readers?|user '|the whale|guru|tweet|wrote|copy[- ]?trad\w+|broker|"
    r"statement|musterdepot|depot|ученик|bot(?:'s| log)|portfolio line|testimonial|ticket \d|executed|"
    r"üyelerimiz|alumnos|(?:vip|premium|elite) (?:room|group|members|channel|was|is)|(?:vip|premium|elite) saw|"
    r"free members)\b|[أا]عضاء|بچه های",
)
_OURS = cue(
    "our my his her their your наш наша нашу мой nuestro nuestra mi unser unsere notre nosso bizim işlemimiz "
    "pozisyonumuz",
    r"\b(?:our|my|his|her|their) (?:(?:[#$][a-z0-9/]+|[a-z0-9]+/[a-z]+) )?(?:longs?|shorts?|buy|entry|bid|ask|stop|"
    r"trade|position|fill|"
    r"average|bag|call|signal|idea)\b|\b(?:наш[ау]?|мой|nuestr[oa]|unsere?|notre|nosso|bizim) |\b(?:işlemimiz|"
    r"pozisyonumuz)\b",
)
_PAST = cue("was were did had wasn weren", r"\b(?:was|were|did|had|wasn't|weren't)\b")
_FROM = cue(
    "long short buy лонг шорт longs shorts from от",
    r"\b(?:long|short|buy|лонг|шорт)s? (?:from|от) ?\$?\d|\b(?:long|short)s? \(\d",
)
_RECORD = cue(
    "status report review recap log journal diary fill filled weight cost published opened shared he she his her "
    "trade signal сделка işlem day week case",
    r"\b(?:status|report|review|recap|log|journal|diary|fill|filled|weight|cost|published|opened|shared|case|he|she|"
    r"his|"
    r"her)\b|"
    r"\b(?:trade|signal|сделка|işlem) ?(?:no\.?|number|nr\.?|№) ?\d|\b(?:day|week) \d",
)
_LABEL = cue(
    "outcome p pl pnl unrealised unrealized floating fill filled opened closed open cost entered exited held",
    r"^\W*(?:outcome|p/?l|pnl|unreali[sz]ed|floating|(?:avg\.? )?fill(?:ed)?|opened|closed|"
    r"open (?:for|since)|cost(?! average)|entered|exited|held)\b[^\n:=]{0,12}[:=]",
)
_ADMIRED = cue(
    "what look patience doubters haters screenshot skipped too nailed exactly as well flew that was how most best "
    "without dates position trade order portfolio",
    r"\b(?:what did (?:we|i) (?:say|tell)|look at (?:it|this|that) (?:go|now|fly)|patience pays|doubters|haters|"
    r"screenshot|skipped|too bad|nailed it|exactly as|what a ride|flew|"
    r"(?:clean|easy|smooth|nice|great|fast|quick) (?:that|this|it) was|how it(?: started|'s going)|"
    r"(?:most successful|best) (?:call|trade|signal)s? (?:ever|so far)|gone without (?:us|me)|dates from|"
    r"(?<!new )(?:position|trade|order) (?:was |is |has been )?(?:opened|filled|executed|activated)\b)\b|"
    r"^\W*(?:live|our|my|model) portfolio\b",
    "and + now",
    r"^\W*and now \$?\d",
    "original + hit reached achieved booked",  # A card that made a call of words about one that was.
    r"\boriginal (?:signal|call|post|message)\b[^⚠]{0,160}?\b(?:hit|reached|achieved|booked)\b",
)
_FRAME = cue(
    "archive archived sample poll",
    r"\A[^\n]{0,40}\b(?:archived?|sample|poll)\b",
    "stay + flat out",
    r"\bwe stay (?:flat|out)\b",
    "exercise homework assignment illustration quiz suppose imagine hypothetical hypothetically formatted simulated",
    r"\b(?:exercise|(?<!my )homework|assignment|illustration|quiz|suppose|imagine|hypothetical(?:ly)?|formatted|"
    r"simulated)\b",
    "say + let lets",
    r"\blet'?s say\b",
    "lesson sample case caso hindsight mistake textbook backtest backtests backtested backtesting",
    r"\b(?:sample from|lesson \d|textbook answer|case study|caso práctico|backtest\w*|in hindsight|hindsight lesson|"
    r"find the mistake)\b",
    "signal call trade setup signals calls trades setups + how what",
    r"\bwhat a (?:complete|good|full|proper) (?:signal|call|trade|setup)\b|"
    r"\bhow (?:a|the|our) (?:signal|call|trade|setup)s?\b[^\n]{0,20}\b(?:is|are|looks?) \w+",
    "would had",
    r"\b(?:you would (?:buy|sell|enter|go|have)|would you (?:have|do)|would have (?:been|made|paid)|"
    r"(?:if|had) (?:one|you|we) had)\b",
    "if much + what you",
    r"\b(?:what if|how much do you)\b",
    "position + compute calculate",
    r"\b(?:compute|calculate)[^\n]{0,12} position size\b",
    "örneğin örnek пример примера допустим разбор ejemplo beispiel exemple exemplo",
    r"\b(?:örne(?:k|ğin)|примера?|допустим|ejemplo|beispiel|exemple|exemplo)\b|^разбор\b",
    "مثال مثلا نمونه نموذج",
    r"\bنمونه|\bنموذج|\bمثال|\bمثلا",
)
_FRESH = cue(
    "new next another today todays again rebuy re here can yeni новый новая nuevo nueva neue neuer nouveau novo "
    "continue hoy bugün сегодня heute جديدة جديد اليوم امروز still alınabilir pueden متاح",
    r"\b(?:new (?:signal|call|trade|setup)|next|another|today'?s|again|re-?buy|re-?entry|here comes|can still|"
    r"still time|on continue|yeni|нов(?:ый|ая)|nuev[oa]|neuer?|nouveau|novo|hoy|bugün|сегодня|heute|alınabilir|"
    r"pueden)\b|"
    r"جديد|اليوم|امروز|متاح",
)
_POINTS: tuple[tuple[Cue, int], ...] = (
    (_TIME, 2),
    (_STATE, 2),
    (_OWNER, 2),
    (_PAST, 2),
    (_OURS, 2),
    (_RESULT, 1),
    (_RECORD, 1),
    (_FROM, 1),
    (_FRESH, -3),
)


def is_framed(look: Glance) -> bool:
    """Whether a text shows a trade to teach, asks about it, or says what would have been."""
    return _FRAME.seen(look)


def is_told(look: Glance, legs: Sequence[Leg]) -> bool:
    """Whether the sentences of these legs, which `look` seemed to call, tell of a trade that was made before."""
    levels = frozenset(level for leg in legs for level in _levels(leg))
    beside = glance("\n".join(_beside(look.lower, levels)))
    points = sum(worth for signs, worth in _POINTS if signs.seen(beside))
    points += 2 * _LABEL.seen(look) + 2 * _ADMIRED.seen(look)
    points += 3 * _is_governed(beside.lower, levels) + 2 * _is_somebodys(beside.lower)
    points += bool(_GAINED.search(beside.lower)) + 2 * _has_moved(beside.lower, legs[0], levels)
    points += 2 * bool(_COUNTED.search(look.lower)) + 2 * bool(_ASKED.search(look.lower))
    return points >= ENOUGH


def _beside(lower: str, levels: frozenset[float]) -> Iterator[str]:
    """The sentences that name a coin or a level of the trade, and headings that end with a colon."""
    for sentence in _SENTENCE_END.split(lower):
        heads = sentence.rstrip().endswith(":") and len(sentence.split()) <= HEADING_WORDS_MAX
        if heads or _PAIR.search(sentence) or _numbers(sentence) & levels:
            yield sentence


def _numbers(text: str) -> frozenset[float]:
    return frozenset(value for written in _NUMBER.findall(text) for value in _values(written))


def _values(written: str) -> Iterator[float]:
    """A number as written, its commas for thousands and for decimals."""
    for plain in {written.replace(",", ""), written.replace(",", ".")}:
        if plain.count(".") <= 1:
            yield float(plain)


def _levels(leg: Leg) -> Iterator[float]:
    yield from leg.entry
    if leg.tp_unit == "price":
        yield from leg.tps
    if isinstance(leg.sl, float):
        yield leg.sl


def _is_governed(beside: str, levels: frozenset[float]) -> bool:
    """Whether a deed of the past has a level of the trade for its object: "scooped some at 7.20"."""
    return any(
        verb not in _NO_DEEDS and not levels.isdisjoint(_values(level)) for verb, level in _GOVERNED.findall(beside)
    )


def _is_somebodys(beside: str) -> bool:
    """Whether somebody did something, or a sentence begins with a deed."""
    if any(verb not in _NO_DEEDS for verb in _SOMEBODY.findall(beside)):
        return True
    begun = (_BEGINS.match(sentence) for sentence in beside.split("\n"))
    if any(found.group(1) not in _NO_DEEDS for found in begun if found is not None):
        return True
    return any(not _THEY_DID.search(found.group()) for found in _PAST_ELSEWHERE.finditer(beside))


_PRICED = re.compile(
    r"(?:\b(?:now|currently|at the moment|price|sits at|trades at|stands at|şu an|сейчас|aktuell|ahora|actual)\b|"
    r"ال[اآ]ن|\d ?(?:->|→))"
    r"[^\w\n]{0,3}(?:(?:is |is at |at )?\$?)(\d+(?:[.,]\d+)*)"
)


def _has_moved(lower: str, leg: Leg, levels: frozenset[float]) -> bool:
    """Whether a price is told that lies between entry and last target, on the winning side, and is neither."""
    if not leg.entry or not leg.tps or leg.tp_unit != "price":
        return False
    near, far = (max(leg.entry), leg.tps[-1]) if leg.side is Side.BUY else (leg.tps[-1], min(leg.entry))
    priced = (value for written in _PRICED.findall(lower) for value in _values(written))
    return any(near < value < far and value not in levels for value in priced)
