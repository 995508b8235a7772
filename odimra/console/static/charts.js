// What became of tasks lately, as charts. The service counts where tasks change; here it is drawn.

import { get } from "./api.js";
import { count, duration, field, g, h, replace, say, select } from "./dom.js";
import { keepFresh } from "./stream.js";

const WINDOWS = [["60 1", "the last hour"], ["360 5", "the last 6 hours"], ["1440 10", "the last 24 hours"]];
// In the order in which they are piled up, from below.
const GOING = ["Running", "Starting", "Service", "Suspended", "Interrupted", "Stopping", "Cancelling", "Pending", "New"];
const OVER = ["Completed", "Cancelled", "Exception"];
const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 52;
const BOTTOM = 22;

/** A bound for the axis that is easy to read: 1, 2 or 5 and zeros. */
export function bound(most) {
  if (most <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [1, 2, 5, 10].find((one) => one * power >= most);
}

const clock = (at) => {
  const two = (number) => String(number).padStart(2, "0");
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
};

/**
 * Bars of `series` (`[name, numbers]`) piled up, with `line` over them if there is one. Whoever cannot see it
 * has the same numbers in a table below.
 */
function piles({ title, unit, first, seconds, series, line = null }) {
  const shown = series.filter(([, numbers]) => numbers.some((one) => one > 0));
  const points = series[0][1].length;
  const sums = Array.from({ length: points }, (_, at) => shown.reduce((sum, [, numbers]) => sum + (numbers[at] || 0), 0));
  const top = bound(Math.max(0, ...sums, ...(line ? line[1] : [])));
  const step = (WIDTH - LEFT) / points;
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 8);
  const at = (point) => first + point * seconds * 1000;
  const bars = [];
  for (let point = 0; point < points; point += 1) {
    let below = 0;
    for (const [name, numbers] of shown) {
      const value = numbers[point] || 0;
      if (!value) continue;
      bars.push(g("rect", {
        class: `ink-${name}`, x: LEFT + point * step + step * 0.08, width: step * 0.84,
        y: y(below + value), height: y(below) - y(below + value),
      }, g("title", {}, `${clock(at(point))} ${name}: ${round(value)}`)));
      below += value;
    }
  }
  const marks = [0, top / 2, top].map((value) => [
    g("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
    g("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, round(value)),
  ]);
  const each = Math.max(1, Math.round(points / 5));
  const times = [];
  for (let point = 0; point < points; point += each) {
    times.push(g("text", { x: LEFT + point * step, y: HEIGHT - 5 }, clock(at(point))));
  }
  const over = line && g("polyline", {
    class: "over", points: line[1].map((value, point) => `${(LEFT + (point + 0.5) * step).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
  });
  const total = ([name, numbers]) => `${name} ${round(Math.max(...numbers))}`;
  const told = [...shown, ...(line ? [line] : [])].map(total).join(", ");
  return h("figure", {},
    h("figcaption", {}, h("strong", {}, title), ` ${unit}`),
    g("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}, ${unit}. Most at a time: ${told || "none"}.` },
      marks.flat(), bars, over, times),
    h("p", { class: "legend" }, shown.map(([name]) => h("span", { class: `key ink-${name}` }, name)),
      line && h("span", { class: "key over" }, line[0]),
      !told && h("span", { class: "note" }, "nothing in this time")),
    numbersOf(at, shown, line));
}

function round(value) {
  return value >= 10 || Number.isInteger(value) ? count(Math.round(value)) : value.toFixed(1);
}

function numbersOf(at, series, line) {
  const all = line ? [...series, line] : series;
  const body = h("tbody", {});
  const table = h("table", { class: "figures" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "From"),
    all.map(([name]) => h("th", { scope: "col" }, name)))), body);
  const details = h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scroll" }, table));
  // Made when somebody wants it: it has hundreds of cells.
  details.addEventListener("toggle", () => {
    if (!details.open || body.firstChild || !all.length) return;
    all[0][1].forEach((_, point) => body.prepend(h("tr", {}, h("th", { scope: "row", class: "number" }, clock(at(point))),
      all.map(([, numbers]) => h("td", { class: "number" }, round(numbers[point] || 0))))));
  });
  return details;
}

/** How long tasks took, by kind; bars grow by the logarithm, so that a second and a day fit. */
function lengths(durations) {
  if (!durations.length) return h("p", { class: "empty" }, "No task has ended in this time.");
  const longest = Math.max(...durations.map((one) => one.p99), 10);
  const share = (value) => Math.round((Math.log(value + 1) / Math.log(longest + 1)) * 100);
  const bar = (one) => g("svg", { viewBox: "0 0 100 12", class: "lengths", "aria-hidden": "true", preserveAspectRatio: "none" },
    g("rect", { class: "p99", x: 0, y: 3, height: 6, width: share(one.p99) }),
    g("rect", { class: "p90", x: 0, y: 2, height: 8, width: share(one.p90) }),
    g("rect", { class: "p50", x: 0, y: 0, height: 12, width: share(one.p50) }));
  return h("div", { class: "scroll" }, h("table", { class: "durations" },
    h("caption", { class: "hidden" }, "Durations by kind"),
    h("thead", {}, h("tr", {}, ["Kind", "Ended", "Half within", "90 % within", "99 % within"].map((name) => h("th", { scope: "col" }, name)),
      h("th", { scope: "col", class: "wide" }, h("span", { class: "hidden" }, "Drawn")))),
    h("tbody", {}, durations.map((one) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/tasks?kind=${encodeURIComponent(one.kind)}` }, one.kind)),
      [count(one.count), duration(one.p50), duration(one.p90), duration(one.p99)].map((text) => h("td", { class: "number" }, text)),
      h("td", { class: "wide" }, bar(one)))))));
}

export function showCharts(main) {
  const range = select(WINDOWS, "60 1", { onchange: () => load().catch(() => {}) });
  const ended = h("input", { type: "checkbox", onchange: () => load().catch(() => {}) });
  const states = h("div", {});
  const rates = h("div", {});
  const times = h("div", {});
  const now = h("p", { class: "line", role: "status" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  let drawn = "";
  async function load() {
    const [minutes, step] = range.value.split(" ");
    const found = await get(`/console/api/history?minutes=${minutes}&step=${step}`).catch((error) => {
      if (error.status) say(trouble, error.message);
      throw error;
    });
    say(trouble, "");
    const text = JSON.stringify([found, ended.checked]);
    if (text === drawn) return;
    drawn = text;
    draw(found);
  }
  function draw(found) {
    const first = Date.parse(found.first);
    const { seconds, spans } = found;
    const sums = new Map();
    for (const one of found.now) sums.set(one.state, (sums.get(one.state) || 0) + one.tasks);
    replace(now, "Now: ", [...GOING, ...OVER].filter((state) => sums.get(state)).map((state) =>
      h("a", { class: `key ink-${state}`, href: `#/tasks?state=${state}` }, `${count(sums.get(state))} ${state}`)),
      sums.size === 0 && "no tasks");
    const names = ended.checked ? [...GOING, ...OVER] : GOING;
    const open = document.activeElement;
    replace(states, piles({
      title: "Tasks by state", unit: ended.checked ? "(all that are kept)" : "(those that have not ended)", first, seconds,
      series: names.map((name) => [name, spans.map((one) => one.are[name] || 0)]),
    }));
    const minute = (value) => (value * 60) / seconds;
    replace(rates, piles({
      title: "Ended per minute, by outcome", unit: "and, as a line, started per minute", first, seconds,
      series: OVER.map((name) => [name, spans.map((one) => minute(one.ended[name] || 0))]),
      line: ["started", spans.map((one) => minute(one.began))],
    }));
    replace(times, h("h2", {}, "How long tasks took"),
      h("p", { class: "note" }, "From the request to the end, of those that ended in this time; at most a fifth above the truth."),
      lengths(found.durations));
    if (open && open.isConnected) open.focus();
  }
  replace(main, h("h1", { tabindex: "-1" }, "Charts"),
    h("form", { class: "filters", "aria-label": "Charts", onsubmit: (event) => event.preventDefault() },
      field("Time", range), h("div", { class: "field check" }, h("label", {}, ended, " also tasks that have ended"))),
    trouble, now, states, rates, times);
  load().catch(() => {});
  // An open table of numbers is left alone until it is closed.
  const fresh = keepFresh(() => (main.querySelector("details[open]") ? null : load()), () => false, 5000);
  return fresh;
}

