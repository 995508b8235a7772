// The table of all tasks. One request for a page of it, at whichever place in a million.

import { get } from "./api.js";
import { count, field, h, replace, say, select } from "./dom.js";
import { COLUMNS, Rows } from "./rows.js";
import { keepFresh, origin } from "./stream.js";

const TABLE = "/console/api/tasks";
const TASKS = "/redfish/v1/TaskService/Tasks/";
const STATES = [
  ["", "all"], ["unfinished", "not ended"], ["New,Pending,Starting", "waiting"], ["Running", "Running"],
  ["Suspended,Interrupted", "held"], ["Completed", "Completed"], ["Exception", "Exception"],
  ["Cancelling,Stopping", "ending"], ["Cancelled", "Cancelled"],
];
const SIZES = [["25", "25"], ["50", "50"], ["100", "100"], ["200", "200"]];

/** A table of tasks with pages; `fixed` are parameters that are always asked with. */
export class TaskTable {
  constructor({ fixed = {}, parameters, changed, caption }) {
    this.fixed = fixed;
    this.parameters = parameters;
    this.changed = changed;
    this.trail = [];
    this.by = "started";
    this.down = (parameters.get("order") || fixed.order || "newest") === "newest";
    this.rows = new Rows();
    this.heads = new Map();
    this.where = h("p", { class: "where", role: "status" });
    this.first = this.button("First", () => this.go(0, []));
    this.back = this.button("Previous", () => this.previous());
    this.next = this.button("Next", () => this.go(this.after, [...this.trail, this.skip]));
    this.last = this.button("Last", () => this.go(Math.max(0, this.total - this.top), []));
    this.empty = h("p", { class: "empty" });
    this.table = h("table", { class: "tasks" }, h("caption", {}, caption), this.head(), this.rows.element);
    this.element = h(
      "div", {}, h("div", { class: "scroll" }, this.table), this.empty,
      h("nav", { class: "pager", "aria-label": "Pages" }, this.first, this.back, this.next, this.last, this.where),
    );
    this.total = 0;
    this.after = null;
    this.shown = [];
  }

  get top() { return Number(this.parameters.get("top")) || 50; }
  get skip() { return Number(this.parameters.get("skip")) || 0; }
  get filtered() { return ["state", "kind", "owner", "text"].some((name) => this.parameters.get(name)); }

  button(text, act) {
    return h("button", { type: "button", onclick: act }, text);
  }

  head() {
    const line = h("tr", {});
    for (const [name, text, , narrow] of COLUMNS) {
      const arrow = h("span", { class: "arrow", "aria-hidden": "true" });
      const sort = h("button", { type: "button", class: "sort", onclick: () => this.sort(name) }, text, arrow);
      const cell = h("th", { scope: "col", class: narrow ? null : "wide", "data-name": name }, sort);
      this.heads.set(name, [cell, arrow]);
      line.append(cell);
    }
    return h("thead", {}, line);
  }

  // By start the whole table is sorted, by the service; by anything else the page that is shown.
  sort(name) {
    this.down = this.by === name ? !this.down : name === "started";
    this.by = name;
    if (name === "started") {
      this.parameters.set("order", this.down ? "newest" : "oldest");
      this.go(0, []);
    } else this.show();
  }

  go(skip, trail) {
    this.trail = trail;
    if (skip) this.parameters.set("skip", skip);
    else this.parameters.delete("skip");
    this.changed();
    return this.load();
  }

  previous() {
    const before = this.trail.length ? this.trail[this.trail.length - 1] : Math.max(0, this.skip - this.top);
    return this.go(before, this.trail.slice(0, -1));
  }

  async load() {
    const query = new URLSearchParams(this.fixed);
    for (const [name, value] of this.parameters) if (value) query.set(name, value);
    query.set("top", this.top);
    const turn = (this.turn = {});
    const found = await get(`${TABLE}?${query}`);
    if (this.turn !== turn) return; // another page was asked for meanwhile
    this.total = found.total;
    this.after = found.next;
    this.shown = found.rows;
    this.show();
  }

  show() {
    const rows = [...this.shown];
    if (this.by !== "started") {
      const key = COLUMNS.find(([name]) => name === this.by)[2];
      const way = this.down ? -1 : 1;
      rows.sort((one, other) => (key(one) < key(other) ? -way : key(one) > key(other) ? way : 0));
    }
    this.rows.show(rows);
    for (const [name, [cell, arrow]] of this.heads) {
      const sorted = name === this.by;
      if (sorted) cell.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
      say(arrow, sorted ? (this.down ? " ▼" : " ▲") : "");
    }
    this.element.dataset.loaded = "yes";
    const more = this.after !== null;
    const end = this.after ?? this.total;
    say(this.empty, rows.length ? "" : more ? "None so far: the search can go on." : "There are none.");
    let text = "";
    if (this.filtered) {
      text = `${count(rows.length)} found, places ${count(Math.min(this.skip + 1, end))} to ${count(end)} of ${count(this.total)} searched`;
    } else if (rows.length) {
      text = `${count(this.skip + 1)} to ${count(this.skip + rows.length)} of ${count(this.total)}`;
    }
    if (this.by !== "started" && this.total > rows.length) text += "; sorted on this page";
    say(this.where, text);
    say(this.next, this.filtered && rows.length < this.top && more ? "Search on" : "Next");
    this.first.disabled = this.back.disabled = this.skip === 0;
    this.next.disabled = !more;
    this.last.disabled = !more || this.filtered;
  }
}

export function showTasks(main, { query, settle }) {
  const parameters = new URLSearchParams(query);
  let written = 0;
  const write = () => {
    clearTimeout(written);
    // Somebody may have gone elsewhere a moment ago, and this view not been told yet.
    if (!/^#?\/?(tasks)?(\?|$)/.test(location.hash)) return;
    const text = parameters.toString();
    history.replaceState(null, "", text ? `#/tasks?${text}` : "#/tasks");
  };
  // Of pages later: the browser is busy with it for as long as with the rows.
  const soon = () => {
    clearTimeout(written);
    written = setTimeout(write, 100);
  };
  const table = new TaskTable({ parameters, changed: soon, caption: "Tasks" });
  table.table.querySelector("caption").className = "hidden";
  const trouble = h("p", { class: "trouble", role: "alert" });
  async function load() {
    try {
      await table.load();
      say(trouble, "");
    } catch (error) {
      if (error.status) say(trouble, error.message);
      throw error;
    }
  }
  let timer = 0;
  const set = (name, wait) => (event) => {
    const value = event.target.value.trim();
    if (value) parameters.set(name, value);
    else parameters.delete(name);
    clearTimeout(timer);
    timer = setTimeout(() => { parameters.delete("skip"); table.trail = []; write(); load().catch(() => {}); }, wait);
  };
  // Asked before the rest is built and laid out, which takes about as long as the answer.
  let left = false;
  load().catch(() => table.rows.show([])).finally(() => {
    // Behind the first rows: to focus something lays all of it out.
    setTimeout(() => left || settle(), 0);
  });
  const input = (name) => h("input", {
    type: "search", value: parameters.get(name) || "", oninput: set(name, 300), autocapitalize: "none", spellcheck: "false",
  });
  const content = [
    h("h1", { tabindex: "-1" }, "Tasks"),
    h("form", { class: "filters", role: "search", "aria-label": "Tasks", onsubmit: (event) => event.preventDefault() },
      field("State", select(STATES, parameters.get("state") || "", { onchange: set("state", 0) })),
      field("Name or id has", input("text")),
      field("Kind", input("kind")),
      field("Owner", input("owner")),
      field("Rows", select(SIZES, parameters.get("top") || "50", { onchange: set("top", 0) }))),
    trouble,
    table.element,
  ];
  table.rows.expect();
  replace(main, ...content);
  main.getBoundingClientRect(); // laid out now, not when the answer is there
  const tick = setInterval(() => table.rows.tick(), 1000);
  const fresh = keepFresh(load, (event) => origin(event).startsWith(TASKS), 5000);
  const end = () => {
    left = true;
    [timer, written].forEach(clearTimeout);
    clearInterval(tick);
    fresh();
  };
  end.later = true;
  return end;
}
