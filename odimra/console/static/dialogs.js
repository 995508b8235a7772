// Questions before something is done that cannot be undone.

import { field, h, replace } from "./dom.js";

const dialog = () => document.getElementById("dialog");

/**
 * Ask for a yes. `fields` is `{name: [label, control]}`; resolves to their values, or to null.
 * With `act`, that is awaited first, and what it cannot do is shown in the dialog, which stays.
 */
export function question({ title, text = "", yes, danger = false, fields = {}, act = null }) {
  const box = dialog();
  const trouble = h("p", { class: "trouble", role: "alert" });
  const agree = h("button", { type: "submit", class: danger ? "danger" : "primary" }, yes);
  const refuse = h("button", { type: "button", onclick: () => box.close() }, "Back");
  return new Promise((resolve) => {
    let answer = null;
    const controls = Object.entries(fields);
    async function submit(event) {
      event.preventDefault();
      if (agree.disabled) return;
      const values = Object.fromEntries(controls.map(([name, [, control]]) => [name, control.value]));
      if (act) {
        agree.disabled = true;
        trouble.textContent = "";
        try {
          await act(values);
        } catch (error) {
          trouble.textContent = error.message;
          agree.disabled = false;
          return;
        }
      }
      answer = values;
      box.close();
    }
    replace(
      box,
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "dialog-title" }, title),
        text && h("p", {}, text),
        controls.map(([, [label, control]]) => field(label, control)),
        trouble,
        h("div", { class: "buttons" }, refuse, agree),
      ),
    );
    box.addEventListener("close", () => resolve(answer), { once: true });
    box.showModal();
    // What undoes nothing is what Enter does first.
    if (danger && !controls.length) refuse.focus();
  });
}
