// What a bulk run has put out so far; it grows while it runs.

import { get } from "./api.js";
import { count, h, replace, say } from "./dom.js";

const RESULTS = "/ws/rest/scriptExecutionResults/";
const PAGE = 100;

/** The output of the run that is the task `id`. `load()` reads on behind what is shown. */
export class Output {
  constructor(id) {
    this.uri = `${RESULTS}${encodeURIComponent(id.replace(/^task/, ""))}`;
    this.shown = 0;
    this.full = false;
    this.result = h("p", { role: "status" });
    this.console = h("pre", { tabindex: "0", role: "region", "aria-label": "Console output" });
    this.items = h("tbody", {});
    this.where = h("p", { class: "where", role: "status" });
    this.more = h("button", { type: "button", onclick: () => this.grow() }, "Show more items");
    this.none = h("p", { class: "note" }, "Nothing so far.");
    this.table = h("div", { class: "scroll" }, h("table", {}, h("caption", { class: "hidden" }, "Items of data"),
      h("thead", {}, h("tr", {}, ["Item", "Outcome"].map((name) => h("th", { scope: "col" }, name)),
        h("th", { scope: "col", class: "wide" }, "Content"))), this.items));
    this.element = h("section", { class: "output" }, h("h2", {}, "Output"), this.result, this.none, this.console,
      this.table, h("div", { class: "line" }, this.more, this.where));
    this.limit = PAGE;
    this.said = "";
    this.busy = null;
    this.render(0);
  }

  grow() {
    this.limit += PAGE;
    this.load().catch(() => {});
  }

  load() {
    // One at a time: an item is shown once.
    this.busy ||= this.read().finally(() => { this.busy = null; });
    return this.busy;
  }

  async read() {
    const size = Math.max(1, this.limit - this.shown + 1);
    const answer = await get(`${this.uri}?offset=${this.shown}&maxSize=${size}`);
    const found = answer.object || answer;
    const items = (found.dataOutput && found.dataOutput.item) || [];
    const hidden = (found.dataOutput && found.dataOutput.hiddenRecordsCount) || 0;
    // One more was asked for than is shown, to know whether there are more.
    const fresh = items.slice(0, this.limit - this.shown);
    for (const item of fresh) this.items.append(row(item));
    this.shown += fresh.length;
    this.full = items.length > fresh.length;
    const text = found.consoleOutput || "";
    if (text !== this.said) {
      // Whoever reads the end goes on seeing the end.
      const atEnd = this.console.scrollHeight - this.console.scrollTop - this.console.clientHeight < 30;
      if (text.startsWith(this.said)) this.console.append(text.slice(this.said.length));
      else replace(this.console, text);
      this.said = text;
      if (atEnd) this.console.scrollTop = this.console.scrollHeight;
    }
    this.outcome(found.result || {});
    this.render(hidden);
  }

  outcome(result) {
    const parts = (result.partialResults || []).map((one) =>
      `${one.operation}: ${one.status}${one.count > 1 ? ` (${count(one.count)} times)` : ""}${one.message ? ` – ${text(one.message)}` : ""}`);
    const line = [result.status, result.message && text(result.message), ...parts].filter(Boolean).join("; ");
    say(this.result, line);
  }

  render(hidden) {
    this.console.hidden = !this.said;
    this.table.hidden = !this.shown;
    this.none.hidden = Boolean(this.said || this.shown);
    this.more.hidden = !this.full;
    say(this.where, this.shown ? `${count(this.shown)} items shown${this.full ? ", there are more" : ""}${hidden ? `; ${count(hidden)} were not kept` : ""}` : "");
  }
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function row(item) {
  const value = item.value;
  const outcome = (item.result && item.result.status) || "";
  const plain = value === null || typeof value !== "object";
  const name = plain ? text(value) : [(value["@type"] || "").split("#").pop(), value.oid || value.name || ""].filter(Boolean).join(" ");
  return h("tr", {},
    h("td", {}, name || "–"),
    h("td", {}, outcome && h("span", { class: `badge ${outcome === "success" ? "good" : outcome.includes("error") ? "bad" : "warn"}` }, outcome),
      item.result && item.result.message && h("span", { class: "under" }, text(item.result.message))),
    h("td", { class: "wide" }, !plain && h("code", {}, JSON.stringify(value).slice(0, 600))));
}
