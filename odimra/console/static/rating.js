// What is rated again: each window as a bar over time, filled as far as it is done.

import { get } from "./api.js";
import { g, h, replace, time } from "./dom.js";
import { listed } from "./list.js";
import { origin } from "./stream.js";

const WINDOWS = "/v2/task/reprocesses?limit=100";
const TASKS = "/redfish/v1/TaskService/Tasks/";

const zoned = (text) => (text ? Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`) : null);

/** How far a window is, from 0 to 1. Its last period begins at its end. */
export function share(one) {
  const from = zoned(one.start_reprocess_time);
  const to = zoned(one.end_reprocess_time);
  const at = zoned(one.current_reprocess_time);
  if (at === null) return 0;
  return to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 1;
}

function bar(one, first, last) {
  const scale = (at) => ((at - first) / Math.max(1, last - first)) * 100;
  const from = scale(zoned(one.start_reprocess_time));
  const wide = Math.max(1, scale(zoned(one.end_reprocess_time)) - from);
  const done = share(one);
  return g("svg", { viewBox: "0 0 100 12", class: "window", preserveAspectRatio: "none", "aria-hidden": "true" },
    g("rect", { class: "axis", x: 0, y: 5.5, width: 100, height: 1 }),
    g("rect", { class: "todo", x: from, y: 1, width: wide, height: 10 }),
    g("rect", { class: "done", x: from, y: 1, width: wide * done, height: 10 }));
}

export function showRating(main) {
  let first = 0;
  let last = 1;
  const list = listed({
    caption: "Windows that are rated again", every: 3000,
    columns: ["Scope", "From", "To", "Done", "Over time wide", "Reason wide"],
    key: (one) => `${one.scope_id} ${one.start_reprocess_time}`,
    concerns: (event) => origin(event).startsWith(TASKS),
    empty: "Nothing has been rated again.",
    read: async () => {
      const found = (await get(WINDOWS)).results;
      first = Math.min(...found.map((one) => zoned(one.start_reprocess_time)));
      last = Math.max(...found.map((one) => zoned(one.end_reprocess_time)));
      return found;
    },
    row: (one) => {
      const percent = Math.floor(share(one) * 100);
      return [
        h("td", {}, h("strong", {}, one.scope_id)),
        h("td", { class: "number" }, time(new Date(zoned(one.start_reprocess_time)).toISOString())),
        h("td", { class: "number" }, time(new Date(zoned(one.end_reprocess_time)).toISOString())),
        h("td", { class: "number" }, `${percent} %`),
        h("td", { class: "wide over-time" }, bar(one, first, last)),
        h("td", { class: "wide" }, one.reason),
      ];
    },
  });
  replace(main, h("h1", { tabindex: "-1" }, "Rating"),
    h("p", { class: "note" }, "Windows of time whose usage is rated again, newest first, on one axis of time; each request is a ",
      h("a", { href: "#/tasks?kind=reprocess" }, "task of the kind reprocess"), "."),
    list.element);
  return list.end;
}
