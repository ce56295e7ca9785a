"""
What single words of a post say: which field a number belongs to, which side, what to skip.

One dictionary for all languages: a word means the same wherever it stands. Two words that
mean more together ("stop loss", "entry targets") are joined in `candidates`.
"""

(
    ENTRY,
    BUY,
    SELL,
    LONG,
    SHORT,
    TP,
    STOP,
    LEV,
    SKIP,
    NOW,
    BELOW,
    ABOVE,
    SAT,
    PROFIT,
    TERM,
    WHEN,
    ZONE,
    ATTACH,
    TAKE,
    NEUTRAL,
    RATIO,
) = range(21)

_WORDS = {
    ENTRY: (
        "entry ep dca твх entries enter entrys entrance entery entryzone buyzone entryprice "
        "entryprices entrypoint entrypoints entrylevel buyprice buyingprice buypoint buyingpoint buyingzone buyrange "
        "buyingrange accumulate accumulation "
        "accumulating price precio вход войти точка entrada entradas giriş giris entrée einstieg دخول الدخول ادخل "
        "ورود نقطة between лимитка лимитки ingresso instap wejście вхід vào 入场 入场价 入场点 入场点位 "
        "进场 进场价 开仓 开仓价 建仓 진입 진입가 エントリー"
    ),
    BUY: (
        "buy buying bought rebuy purchase bid bids покупка покупаем покупать купить покупки alım alim alış alis "
        "al satınal comprar compra compras acheter achat kaufen شراء الشراء اشتري خرید "
        "acquisto compriamo beli mua kupno купівля 买入"
    ),
    SELL: (
        "sell selling sel sells aell продажа продавать продать продаем продажи sat satış satis vender venta "
        "ventas vendre vente verkaufen بيع البيع فروش venda vendita jual bán 卖出"
    ),
    LONG: "long longs лонг лонгуем uzun largo لونج لانگ лонги 做多 多单 开多 롱 ロング",
    SHORT: "short shorts shorting шорт шортим kısa corto شورت шорты 做空 空单 开空 숏 ショート",
    TP: (
        "target targets metas фиксация фиксируем toma taret tarets taget trget trgets targe tareget taregt targert "
        "traget tragets "
        "tagets targetes tgt tgts tp tps tp's "
        "takeprofits sellzone sellingzone sellprice sellingprice sellpoint sellingpoint selltarget selltargets "
        "sellingtarget sellingtargets profittarget profittargets "
        "goal goals hedef hedefler hedefi hedefimiz цель цели тейк тп тейкпрофит takeprofit objetivo "
        "objetivos objectif objectifs ziel ziele هدف اهداف أهداف الأهداف الاهداف الهدف الاول الأول الثاني "
        "تارگت تارگتها اهدف exit exits t alvo alvos cel cele obiettivo obiettivi chốt mục doel doelen цілі ціль тейка "
        "止盈 止盈点 止盈价 目标 目标价 목표 목표가 익절 익절가 利確"
    ),
    STOP: (
        "stop stops cut sl stl stoploss stopper stoplose ضرر стоп стоплосс сл zarar stoploos stopp وقف الوقف ستوب "
        "استاپ stopprice stoplevel stoplost invalidation cắt 止损 止损价 止损点 손절 손절가 損切り 損切"
    ),
    LEV: (
        "leverage lev leverge levrage leveraged margin cross isolated izole плечо кросс kaldıraç kaldirac "
        "kaldıraçlı apalancamiento رافعة الرافعة لوریج اهرم alavancagem leva levier hebel đòn bẩy 杠杆 레버리지"
    ),
    SKIP: (
        "amount risk previous risking rating vol capital invest investment deposit rsi ema ma sma macd fib "
        "fibonacci roi gain gained size portfolio balance funds period date posted supply cap marketcap rank "
        "chance probability accuracy support resistance low high ath atl utc gmt members capped holders "
        "wallet dominance liquidations liquidated trailing риск депозита объем"
    ),
    NOW: (
        "now here cmp market live immediately instantly сейчас текущих текущей рынку şimdi piyasa güncel ahora "
        "الان الآن الحالي 市价 现价 mercato marktpreis"
    ),
    BELOW: "below under ниже altında aşağısı تحت",
    ABOVE: "above over breaks breaking breakout break cross выше пробой üstü üstünde فوق",
    SAT: "sat sats satoshi satoshis satoshies sts сатоши сат ساتوشي ساتوشی",
    PROFIT: "profit profits профит kar ganancia ganancias ربح سود lời kâr",
    RATIO: "r rr rrr ratio average avg orders volume",
    TERM: "scalp scalping swing intraday term time terms storage mid midterm hold holding terma rally squeeze bag",
    WHEN: "reached hit hits hitted achieved touched done reach when after once если когда после",
    ZONE: "zone zones range area зона bölge bolge bölgesi منطقة",
    ATTACH: "loss lose los loose loses лосс loos zararı kes durdur الخسارة الخساره خسارة lỗ",
    TAKE: "take taking kar kâr al حد",
    NEUTRAL: (
        "usdt usd busd btc around at on is or and to approx near first second third final limit order point "
        "points level levels price prices only short-term spot futures binance also more plus zone max min "
        "with your the of for each i e can be should от до اغلاق إغلاق شمعة شمعه يوم يومي يومية ساعة ساعات اقل أقل من"
    ),
}

PREFIXES = (
    ("targ", TP),
    ("tareg", TP),
    ("traget", TP),
    ("stoplo", STOP),
    ("leverag", LEV),
    ("levar", LEV),
    ("entri", ENTRY),
    ("входи", ENTRY),
    ("входа", ENTRY),
    ("покуп", BUY),
    ("продав", SELL),
    ("тейки", TP),
    ("стопы", STOP),
    ("اهداف", TP),
    ("أهداف", TP),
)
STARTS = tuple(start for start, _ in PREFIXES)

# Texts come with the dotless i folded, so words are looked up the same way.
ROLE_OF = {word.replace("ı", "i"): role for role, words in reversed(_WORDS.items()) for word in words.split()}


PREFIX_LENGTH_MIN = 5


def role_of(word: str) -> int | None:
    """What `word` says, written in full or misspelled behind its first letters ("Targrt")."""
    lower = word.lower()
    role = ROLE_OF.get(lower)
    if role is None and len(lower) >= PREFIX_LENGTH_MIN and lower.startswith(STARTS):
        return next((known for start, known in PREFIXES if lower.startswith(start)), None)
    return role
