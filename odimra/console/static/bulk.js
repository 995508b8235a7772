// Bulk scripts: the runs there are, and a new one.

import { ask, worded } from "./api.js";
import { h, replace, tell } from "./dom.js";
import { question } from "./dialogs.js";
import { origin, keepFresh } from "./stream.js";
import { TaskTable } from "./tasks.js";

const EXECUTE = "/ws/rest/rpc/executeScript?asynchronous=true";
const TASKS = "/redfish/v1/TaskService/Tasks/";
const SAMPLE = `executeScript:
  pipeline:
    - '@element': search
      type: ComputerSystemType
    - '@element': action
      type: log
      parameter:
        - name: message
          value: "There is"
`;

async function run() {
  const script = h("textarea", { rows: "14", spellcheck: "false", autocapitalize: "none" });
  script.value = SAMPLE;
  let place = "";
  const agreed = await question({
    title: "Run a bulk script", text: "In YAML; it does what you may do yourself.", yes: "Run",
    fields: { script: ["Script", script] },
    act: async (given) => {
      const answer = await ask("POST", EXECUTE, given.script, { type: "application/yaml" });
      if (answer.status >= 400) throw new Error(worded(answer.body, answer.status));
      place = answer.headers.get("Location") || "";
    },
  });
  if (!agreed) return;
  tell("The script was started.");
  if (place) location.hash = `#/tasks/task${place.split("/").pop()}`;
}

export function showBulk(main) {
  const table = new TaskTable({
    fixed: { kind: "bulk-script" }, parameters: new URLSearchParams(), changed() {}, caption: "Runs of bulk scripts",
  });
  table.table.querySelector("caption").className = "hidden";
  replace(main, h("h1", { tabindex: "-1" }, "Bulk scripts"),
    h("p", { class: "line" }, h("button", { type: "button", onclick: run }, "Run a script…"),
      h("span", { class: "note" }, "What a run puts out stands on its page, while it runs too.")),
    table.element);
  const load = () => table.load();
  load().catch(() => {});
  const tick = setInterval(() => table.rows.tick(), 1000);
  const fresh = keepFresh(load, (event) => origin(event).startsWith(TASKS), 5000);
  return () => { clearInterval(tick); fresh(); };
}
