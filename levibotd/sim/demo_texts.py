"""
What the demo channels write: calls in the usual notations and languages, and the noise around them.

Fields of a call: `coin pair flat` (BTC, BTC/USDT, BTCUSDT), `side Side` (the word for it in the text's
language, small and capital), `at` (one entry price), `near far` (edges of an entry band, `near` met
first), `t1 t2 t3`, `sl`, `lev`. Noise may use them too; talk uses none.
"""

from typing import NamedTuple


class Template(NamedTuple):
    language: str
    text: str


# By language: the words for a buying and a selling call.
SIDE_WORDS = {
    "en": ("long", "short"),
    "tr": ("long", "short"),
    "ru": ("лонг", "шорт"),
    "es": ("compra", "venta"),
    "ar": ("شراء", "بيع"),
    "fa": ("خرید", "فروش"),
}

CALLS: tuple[Template, ...] = (
    Template(
        "en",
        "⚡️⚡️ #{pair} ⚡️⚡️\nExchanges: Binance Futures\nSignal Type: Regular ({Side})\nLeverage: Isolated ({lev}X)\n\n"
        "Entry Targets:\n1) {near}\n2) {far}\n\n"
        "Take-Profit Targets:\n1) {t1}\n2) {t2}\n3) {t3}\n\nStop Targets:\n1) {sl}",
    ),
    Template(
        "en",
        "📩 #{flat} | {Side} setup\n\nEntry zone: {near} - {far}\nTarget 1: {t1}\nTarget 2: {t2}\nStop-loss: {sl}\n"
        "Leverage: {lev}x\n\nOne percent of the account, not more.",
    ),
    Template("en", "{coin}/USDT {Side}\nEntry: {at}\nTP1: {t1}\nTP2: {t2}\nSL: {sl}"),
    Template("en", "#{coin} {side} @ {at} | TP {t1} | SL {sl} | {lev}x"),
    Template("en", "${coin} {side} {near}-{far}\nTargets: {t1}-{t2}-{t3}\nStop: {sl}"),
    Template("en", "Quick scalp: {Side} {pair}\nEntry {at}\nTarget {t1}\nStop {sl}"),
    Template("en", "{flat}.P {Side}\nEntry: {at}\n🎯 TP1 {t1}\n🎯 TP2 {t2}\n❌ SL {sl}\nCross {lev}X"),
    Template(
        "en", "COIN: #{flat}\nDirection: {Side}\nEntry: {near} - {far}\nTargets: {t1}, {t2}, {t3}\nStop loss: {sl}"
    ),
    Template("tr", "#{flat} {Side}\nGiriş: {near} - {far}\nHedef 1: {t1}\nHedef 2: {t2}\nStop: {sl}\nKaldıraç: {lev}x"),
    Template("tr", "{pair} {side} işlem\nGiriş {at}\nHedef {t1}\nStop {sl}"),
    Template("ru", "🔥 #{pair} {Side}\nПлечо: {lev}х\nВход: {near} - {far}\nЦели: {t1}, {t2}, {t3}\nСтоп: {sl}"),
    Template("ru", "{flat} {side}\nВход {at}\nЦель 1: {t1}\nЦель 2: {t2}\nСтоп-лосс: {sl}"),
    Template("es", "#{pair} {Side}\nEntrada: {at}\nObjetivo 1: {t1}\nObjetivo 2: {t2}\nStop loss: {sl}"),
    Template("es", "Señal {pair}: {side}\nEntrada {near} - {far}\nObjetivos: {t1} - {t2} - {t3}\nStop {sl}"),
    Template("ar", "#{pair} {side}\nالدخول: {near} - {far}\nالهدف 1: {t1}\nالهدف 2: {t2}\nوقف الخسارة: {sl}"),
    Template("ar", "{flat} {side}\nالدخول {at}\nالأهداف: {t1} - {t2}\nالوقف {sl}"),
    Template("fa", "#{pair} {side}\nورود: {at}\nتارگت 1: {t1}\nتارگت 2: {t2}\nاستاپ: {sl}"),
)

# Advertising, news and talk: names no price, so it can always be said.
TALK: tuple[Template, ...] = (
    Template("en", "💎 VIP membership 40% off until Sunday. Write to our desk for a place, only a few are left."),
    Template("en", "Good morning traders ☕ What a night. Is everybody still in a good mood?"),
    Template("en", "Reminder: never risk what you cannot afford to lose. Patience pays."),
    Template("en", "Funding is heating up again, I would rather wait for the weekly open."),
    Template("tr", "Günaydın arkadaşlar, bugün piyasa sakin. Sabırlı olun."),
    Template("ru", "Доброе утро! Сегодня рынок спокойный, торопиться некуда."),
    Template("ru", "Набор в закрытый клуб открыт до воскресенья, подробности у администратора."),
    Template("es", "Buenos días a todos, hoy toca paciencia. Mercado lateral."),
    Template("ar", "صباح الخير جميعا، السوق هادئ اليوم والصبر مفتاح الفرج"),
    Template("fa", "صبح بخیر دوستان، امروز بازار آرام است"),
)

NOISE: tuple[Template, ...] = (
    # Results and updates of earlier calls.
    Template("en", "#{pair} Target 1 ✅ hit at {t1}\nProfit: 12% with leverage. Congratulations to all!"),
    Template("en", "{coin} all targets done, booked and closed. On to the next one 🚀"),
    Template("en", "Update on {coin}: first target reached, move your stop to entry."),
    Template("tr", "{coin} ilk hedef geldi ✅ stopu girişe çekin"),
    Template("ru", "{coin} первая цель достигнута ✅ стоп в безубыток"),
    Template("es", "{coin}: primer objetivo alcanzado ✅ felicidades"),
    Template("ar", "{coin} تحقق الهدف الأول ✅ مبروك للجميع"),
    Template("fa", "{coin} تارگت اول لمس شد ✅"),
    # A channel that ends its own call.
    Template("en", "Close {pair} now, I do not like how it moves."),
    # Nothing certain: an idea under a condition, and two entries that contradict each other.
    Template("en", "If {coin} closes above {t1} on the 4h, I will look for a long. Not yet."),
    Template("en", "{coin} entry {at} target {t1} or was it entry {t1} target {at}? Check the chart, stop later."),
    *TALK,
)
