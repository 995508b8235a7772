// Pages of a Redfish collection, members in full.

import { get } from "./api.js";
import { count, h, replace, say } from "./dom.js";
import { keepFresh } from "./stream.js";

const SIZE = 50;

/**
 * A table of a collection. `row(member, more)` makes its cells, `more` being what `also()` resolves to; `columns` are
 * names, `wide` after a space.
 */
export function members({ uri, caption, columns, row, concerns, every = 10000, empty = "There are none.", also = () => null }) {
  let skip = 0;
  let shown = "";
  const body = h("tbody", {});
  const where = h("p", { class: "where", role: "status" });
  const none = h("p", { class: "empty" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const back = h("button", { type: "button", onclick: () => go(Math.max(0, skip - SIZE)) }, "Previous");
  const next = h("button", { type: "button", onclick: () => go(skip + SIZE) }, "Next");
  const pager = h("nav", { class: "pager", "aria-label": `Pages of ${caption}` }, back, next, where);
  async function load() {
    try {
      const [found, more] = await Promise.all([get(`${uri}?$expand=.&$top=${SIZE}&$skip=${skip}`), also()]);
      const total = found["Members@odata.count"];
      const text = JSON.stringify([found.Members, more]);
      // A row under the pointer or the focus is not made anew for nothing.
      if (text !== shown) {
        shown = text;
        const held = document.activeElement && document.activeElement.dataset.key;
        replace(body, found.Members.map((one) => h("tr", { "data-uri": one["@odata.id"] }, row(one, more))));
        if (held) for (const one of body.querySelectorAll("[data-key]")) if (one.dataset.key === held) one.focus();
      }
      say(none, total ? "" : empty);
      say(where, total ? `${count(skip + 1)} to ${count(skip + found.Members.length)} of ${count(total)}` : "");
      pager.hidden = total <= SIZE && !skip;
      back.disabled = skip === 0;
      next.disabled = skip + SIZE >= total;
      say(trouble, "");
    } catch (error) {
      if (error.status) say(trouble, error.message);
      throw error;
    }
  }
  function go(to) {
    skip = to;
    load().catch(() => {});
  }
  const element = h("div", {}, trouble, h("div", { class: "scroll" }, h("table", {}, h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((name) => {
      const wide = name.endsWith(" wide");
      return h("th", { scope: "col", class: wide ? "wide" : null }, wide ? name.slice(0, -5) : name);
    }))), body)), none, pager);
  load().catch(() => {});
  return { element, load, end: keepFresh(load, concerns, every) };
}
