// Events as they come, newest first.

import { count, field, h, replace, say, select, time } from "./dom.js";
import { origin, stream } from "./stream.js";

const SHOWN = 200;

/** Where the console shows what an event is about; null when it does not. */
export function place(uri) {
  const found = /^\/redfish\/v1\/TaskService\/Tasks\/([^/]+)(?:\/SubTasks\/([^/]+))?$/.exec(uri);
  if (found) return found[2] ? `#/tasks/${found[1]}/${found[2]}` : `#/tasks/${found[1]}`;
  return /^\/redfish\/v1\/Systems\/[^/]+$/.test(uri) ? "#/systems" : null;
}

function line(event) {
  const severity = event.MessageSeverity || "OK";
  const mood = severity === "Critical" ? "bad" : severity === "Warning" ? "warn" : "good";
  const uri = origin(event);
  const to = place(uri);
  return h("tr", {},
    h("td", { class: "number" }, time(event.EventTimestamp)),
    h("td", {}, h("span", { class: `badge ${mood}` }, severity)),
    h("td", {}, event.Message || event.MessageId,
      h("span", { class: "under" }, to ? h("a", { href: to }, uri.split("/").pop()) : uri)),
    h("td", { class: "wide" }, h("code", {}, event.MessageId)));
}

export function showEvents(main) {
  let paused = false;
  const body = h("tbody", {});
  const where = h("p", { class: "where", role: "status" });
  const text = h("input", { type: "search", oninput: all, autocapitalize: "none" });
  const severity = select([["", "all"], ["OK", "OK"], ["Warning", "Warning"], ["Critical", "Critical"]], "", { onchange: all });
  const registry = select(
    [["", "all"], ["TaskEvent", "tasks"], ["JobEvent", "jobs"], ["ResourceEvent", "resources"]],
    "", { onchange: all });
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: hold }, "Pause");

  function passes(event) {
    const wanted = text.value.trim().toLowerCase();
    return (!severity.value || event.MessageSeverity === severity.value)
      && (!registry.value || (event.MessageId || "").startsWith(`${registry.value}.`))
      && (!wanted || `${event.Message} ${event.MessageId} ${origin(event)}`.toLowerCase().includes(wanted));
  }
  function all() {
    const found = stream.events.filter(passes);
    replace(body, found.slice(-SHOWN).reverse().map(line));
    tell(found.length);
  }
  function tell(found) {
    const shown = Math.min(found, SHOWN);
    say(where, `${count(shown)} shown, of ${count(stream.events.length)} since this page was opened`);
  }
  function heard(event) {
    if (paused || !passes(event.detail)) return;
    body.prepend(line(event.detail));
    if (body.childElementCount > SHOWN) body.lastElementChild.remove();
    tell(body.childElementCount);
  }
  function hold() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) all();
  }
  replace(main,
    h("h1", { tabindex: "-1" }, "Events"),
    h("form", { class: "filters", role: "search", "aria-label": "Events", onsubmit: (event) => event.preventDefault() },
      field("Has", text), field("Severity", severity), field("About", registry), h("div", { class: "field" }, pause)),
    h("div", { class: "scroll" }, h("table", { class: "events" }, h("caption", { class: "hidden" }, "Events, newest first"),
      h("thead", {}, h("tr", {}, ["Time", "Severity", "Event"].map((name) => h("th", { scope: "col" }, name)),
        h("th", { scope: "col", class: "wide" }, "Message id"))), body)),
    where);
  all();
  stream.addEventListener("event", heard);
  return () => stream.removeEventListener("event", heard);
}
