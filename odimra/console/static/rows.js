// The rows of a table of tasks, changed in place: a row that is read, selected or focused stays.

import { now } from "./api.js";
import { count, duration, h, say, time } from "./dom.js";

const FINAL = new Set(["Completed", "Cancelled", "Exception"]);
export const isFinal = (state) => FINAL.has(state);

/** How a state looks; it is always written out too. */
export function mood(state, status) {
  if (state === "Exception") return "bad";
  if (state === "Completed") return status === "Warning" ? "warn" : "good";
  if (state === "Cancelled" || state === "Cancelling" || state === "Stopping") return "warn";
  if (state === "Suspended" || state === "Interrupted") return "hold";
  return "run";
}

export const taskLink = (task) => (task.parent ? `#/tasks/${task.parent}/${task.id}` : `#/tasks/${task.id}`);

export function badge(state, status) {
  return h("span", { class: `badge ${mood(state, status)}` }, state);
}

export const lasted = (task) =>
  duration((task.ended ? Date.parse(task.ended) : now()) - Date.parse(task.started));

export const COLUMNS = [
  // name, heading, what it is sorted by, and whether narrow screens have it
  ["name", "Task", (task) => (task.name || task.id).toLowerCase(), true],
  ["state", "State", (task) => task.state, true],
  ["percent", "Progress", (task) => task.percent, true],
  ["kind", "Kind", (task) => task.kind, false],
  ["owner", "Owner", (task) => task.owner, false],
  ["started", "Started", (task) => Date.parse(task.started), false],
  ["lasted", "Duration", (task) => (task.ended ? Date.parse(task.ended) : now()) - Date.parse(task.started), false],
];

// Made once and copied: a page of rows is made of hundreds of elements.
const PATTERN = h(
  "tr", {},
  h("td", {}, h("a", {}), h("span", { class: "under" })),
  h("td", {}, h("span", {})),
  h("td", { class: "bar" }, h("progress", { max: 100, value: 0, "aria-label": "Progress" }), h("span", { class: "percent" })),
  h("td", { class: "wide" }), h("td", { class: "wide" }), h("td", { class: "wide number" }), h("td", { class: "wide number" }),
);

class Row {
  constructor() {
    this.element = PATTERN.cloneNode(true);
    const [name, state, bar, kind, owner, started, lasted] = this.element.children;
    [this.link, this.under] = name.children;
    [this.state] = state.children;
    [this.bar, this.percent] = bar.children;
    Object.assign(this, { kind, owner, started, lasted });
  }

  show(task) {
    this.task = task;
    this.element.dataset.id = task.id;
    say(this.link, task.name || task.id);
    const to = taskLink(task);
    if (this.link.getAttribute("href") !== to) this.link.setAttribute("href", to);
    say(this.under, task.children ? `${count(task.children)} sub-tasks` : "");
    say(this.state, task.state);
    const look = `badge ${mood(task.state, task.status)}`;
    if (this.state.className !== look) this.state.className = look;
    if (this.bar.value !== task.percent) this.bar.value = task.percent;
    say(this.percent, `${task.percent} %`);
    say(this.kind, task.kind);
    say(this.owner, task.owner);
    say(this.started, time(task.started));
    this.tick();
  }

  tick() {
    say(this.lasted, lasted(this.task));
  }
}

/** What a screen holds, about: so many rows are made before the others. */
const AT_ONCE = 20;

/** A body of rows, keyed by the tasks' ids. */
export class Rows {
  constructor() {
    this.element = h("tbody", {});
    this.rows = new Map();
    this.later = 0;
  }

  /** Have rows that nobody sees yet: what they will say is all that is left to do, and to lay out. */
  expect() {
    for (let at = 0; at < AT_ONCE; at += 1) {
      const row = new Row();
      row.task = { id: at, ended: true };
      this.rows.set(at, row);
      this.element.append(row.element);
    }
    this.element.className = "expected";
  }

  show(tasks) {
    clearTimeout(this.later);
    const expected = this.element.className !== "";
    this.element.className = "";
    if ((expected || !this.rows.size) && tasks.length > AT_ONCE) {
      // The first are seen while the others are made.
      this.fill(tasks.slice(0, AT_ONCE));
      this.later = setTimeout(() => this.fill(tasks), 30);
    } else this.fill(tasks);
  }

  fill(tasks) {
    const before = this.rows;
    this.rows = new Map();
    const wanted = new Set(tasks.map((task) => task.id));
    // Rows of tasks that are shown no more show others: to make new ones takes longer.
    const spare = [...before.values()].filter((row) => !wanted.has(row.task.id));
    const fresh = document.createDocumentFragment();
    let at = this.element.firstElementChild;
    for (const task of tasks) {
      const row = before.get(task.id) || spare.shift() || new Row();
      row.show(task);
      this.rows.set(task.id, row);
      if (row.element === at) at = at.nextElementSibling;
      else if (at) this.element.insertBefore(row.element, at);
      else fresh.append(row.element);
    }
    this.element.append(fresh);
    for (const row of spare) row.element.remove();
  }

  tick() {
    for (const row of this.rows.values()) if (!row.task.ended) row.tick();
  }
}
