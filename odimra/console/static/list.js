// A table of what another API than Redfish lists.

import { h, replace, say } from "./dom.js";
import { keepFresh } from "./stream.js";

/**
 * `read()` resolves to the things, `row(thing)` makes cells; `columns` are names, `wide` after a space. What has not
 * changed is not made anew.
 */
export function listed({ caption, columns, read, row, key, concerns = () => false, every = 5000, empty = "There are none." }) {
  let shown = "";
  const body = h("tbody", {});
  const none = h("p", { class: "empty" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  async function load() {
    let found;
    try {
      found = await read();
      say(trouble, "");
    } catch (error) {
      if (error.status) say(trouble, error.message);
      throw error;
    }
    const text = JSON.stringify(found);
    if (text === shown) return;
    shown = text;
    const held = document.activeElement && document.activeElement.dataset.key;
    replace(body, found.map((one) => h("tr", { "data-id": key(one) }, row(one))));
    if (held) for (const one of body.querySelectorAll("[data-key]")) if (one.dataset.key === held) one.focus();
    say(none, found.length ? "" : empty);
  }
  const element = h("div", {}, trouble, h("div", { class: "scroll" }, h("table", {}, h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((name) => {
      const wide = name.endsWith(" wide");
      return h("th", { scope: "col", class: wide ? "wide" : null }, wide ? name.slice(0, -5) : name);
    }))), body)), none);
  load().catch(() => {});
  return { element, load, end: keepFresh(load, concerns, every) };
}
