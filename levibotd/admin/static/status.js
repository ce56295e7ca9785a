"use strict";

// Whatever a channel writes reaches the page through textContent alone, so it stays text.

const EVERY_MS = 2000;
const ROWS = 25;
const LONG = 160;

let key = "";

const at = (id) => document.getElementById(id);

async function read(path) {
  const response = await fetch(path, key ? { headers: { "X-API-Key": key } } : {});
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail || response.statusText), { status: response.status });
  }
  return response.json();
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text === null || text === undefined ? "–" : String(text);
  if (className) made.className = className;
  return made;
}

function fill(id, rows, columns, nothing) {
  const made = rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map(([text, className]) => element("td", text, className)));
    return row;
  });
  if (!made.length) {
    const cell = element("td", nothing, "quiet");
    cell.colSpan = columns;
    const row = document.createElement("tr");
    row.append(cell);
    made.push(row);
  }
  at(id).replaceChildren(...made);
}

function tag(id, text, mood) {
  at(id).textContent = text;
  at(id).className = `tag ${mood || ""}`;
}

const clock = (unix) => (unix ? new Date(unix * 1000).toISOString().slice(11, 19) : null);
const short = (text) => (text.length > LONG ? `${text.slice(0, LONG)}…` : text);
const mood = (money) => (money === null || Number(money) === 0 ? "" : Number(money) > 0 ? "good" : "bad");

// For eyes: two digits, groups of three. The exact amount is what the interface serves.
function money(amount) {
  if (amount === null) return null;
  const [whole, digits = ""] = String(amount).split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, "\u202f")}.${digits.slice(0, 2).padEnd(2, "0")}`;
}

function duration(seconds) {
  const s = Math.floor(seconds);
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function showStatus(status) {
  tag("mode", status.mode, "note");
  tag("ready", status.ready ? "ready" : `not ready: ${status.not_ready.join(", ")}`, status.ready ? "good" : "bad");
  const no = status.says_no.map((gate) => gate.name).join(", ");
  tag("opening", status.opening ? "opening calls" : `not opening: ${no}`, status.opening ? "good" : "bad");
  at("version").textContent = `version ${status.version}`;
  const figures = [
    [`Equity, ${status.currency}`, money(status.equity), ""],
    ["Today", money(status.daily_pnl), mood(status.daily_pnl)],
    ["Realised", money(status.realised), mood(status.realised)],
    ["Fees", money(status.fees), ""],
    ["Open positions", status.open_positions, ""],
    ["Closed (won)", `${status.closed} (${status.won})`, ""],
    ["Undecided posts", status.pending_posts, ""],
    ["Stage", status.stage, ""],
    ["Policy", status.policy, ""],
    ["Events", status.last_seq, ""],
    ["Up", duration(status.uptime_s), ""],
  ];
  at("figures").replaceChildren(
    ...figures.map(([name, value, className]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", value, className));
      return pair;
    }),
  );
}

function showPositions(positions) {
  const rows = positions.map((p) => [
    [p.symbol], [p.side], [p.qty, "n"], [p.entry_price, "n"], [p.mark, "n"], [p.stop, "n"],
    [money(p.open_profit), `n ${mood(p.open_profit)}`], [p.channel],
  ]);
  fill("positions", rows, 8, "nothing is held");
}

function showSignals(signals) {
  const rows = signals.map((s) => [
    [clock(s.posted_at)], [s.channel], [short(s.text), "long"], [s.kind],
    [s.score === null ? null : s.score.p_call.toFixed(2), "n"],
    [s.route === null ? "…" : s.route.routed ? "routed" : s.route.reason, s.route !== null && s.route.routed ? "good" : ""],
  ]);
  fill("signals", rows, 6, "no post has arrived yet");
}

function showEvents(events) {
  const rows = events.map((e) => [
    [e.seq, "n"], [clock(e.ts)], [e.event_type], [e.symbol], [e.trace_id], [short(JSON.stringify(e.payload)), "long"],
  ]);
  fill("events", rows, 6, "the log is empty");
}

async function refresh() {
  try {
    showStatus(await read("/status"));
    showPositions((await read("/positions")).positions);
    showSignals((await read("/signals?limit=10")).signals);
    showEvents((await read(`/events?limit=${ROWS}`)).events);
    at("trouble").hidden = true;
    at("sign-in").hidden = true;
  } catch (error) {
    at("sign-in").hidden = error.status !== 401 && error.status !== 403;
    at("trouble").textContent = error.status ? `The daemon says: ${error.message}` : "The daemon does not answer.";
    at("trouble").hidden = false;
  }
  // One round after the other: a slow daemon is not asked more often than it answers.
  setTimeout(refresh, EVERY_MS);
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value.trim();
  at("key").value = "";
});
refresh();
