// One task: what it does, what it says, what was asked for, what came of it.

import { ask, call, get, worded } from "./api.js";
import { h, replace, say, tell, time } from "./dom.js";
import { question } from "./dialogs.js";
import { Output } from "./output.js";
import { isFinal, lasted, mood } from "./rows.js";
import { keepFresh, origin } from "./stream.js";
import { TaskTable } from "./tasks.js";

const pretty = (text) => {
  try {
    return JSON.stringify(typeof text === "string" ? JSON.parse(text) : text, null, 2);
  } catch {
    return String(text);
  }
};

function messages(list) {
  if (!list.length) return h("p", { class: "empty" }, "None yet.");
  return h("ol", { class: "messages" }, list.map((one) => h(
    "li", { class: one.MessageSeverity === "Critical" ? "bad" : one.MessageSeverity === "Warning" ? "warn" : "good" },
    h("strong", {}, one.MessageSeverity || "OK"), " ", one.Message, " ", h("code", {}, one.MessageId),
  )));
}

function payload(given) {
  if (!given) return h("p", { class: "empty" }, "Nothing is shown of it.");
  return h("div", {},
    h("p", {}, h("code", {}, `${given.HttpOperation} ${given.TargetUri}`)),
    h("pre", { tabindex: "0", role: "region", "aria-label": "Headers of the request" }, (given.HttpHeaders || []).join("\n")),
    given.JsonBody && h("pre", { tabindex: "0", role: "region", "aria-label": "Body of the request" }, pretty(given.JsonBody)),
    h("p", { class: "note" }, "Secrets were masked before this was stored."));
}

export function showTask(main, { parts }) {
  const [parent, id] = parts.length > 1 ? parts : [null, parts[0]];
  const tasks = "/redfish/v1/TaskService/Tasks";
  const enc = encodeURIComponent;
  const uri = parent ? `${tasks}/${enc(parent)}/SubTasks/${enc(id)}` : `${tasks}/${enc(id)}`;
  const heading = h("h1", { tabindex: "-1" }, "Task");
  const trouble = h("p", { class: "trouble", role: "alert" });
  const state = h("span", {});
  const bar = h("progress", { max: 100, value: 0, "aria-label": "Progress" });
  const percent = h("span", { class: "percent" });
  const facts = h("dl", { class: "facts" });
  const cancel = h("button", { type: "button", onclick: askCancel }, "Cancel…");
  const remove = h("button", { type: "button", class: "danger", onclick: askDelete }, "Delete…");
  const said = h("div", {});
  const asked = h("div", {});
  const result = h("div", {});
  const show = h("button", { type: "button", onclick: showResult }, "Show the result");
  const subs = h("section", { hidden: true, "aria-label": "Sub-tasks" });
  let table = null;
  let output = null;
  let task = null;
  let row = null;
  let kept = {};

  const fact = (name, value) => value !== "" && value !== null && value !== undefined && [h("dt", {}, name), h("dd", {}, value)];

  async function load() {
    try {
      const [found, line] = await Promise.all([get(uri), get(`/console/api/tasks/${enc(id)}`)]);
      task = found;
      row = line;
      say(trouble, "");
    } catch (error) {
      if (error.status === 404) {
        say(trouble, "This task is not there (any more).");
        cancel.disabled = remove.disabled = show.disabled = true;
      } else if (error.status) say(trouble, error.message);
      throw error;
    }
    render();
    if (row.children && !table) {
      table = new TaskTable({
        fixed: { parent: id, order: "oldest" }, parameters: new URLSearchParams(), changed() {}, caption: "Sub-tasks",
      });
      subs.hidden = false;
      replace(subs, h("h2", {}, "Sub-tasks"), table.element);
      table.table.querySelector("caption").className = "hidden";
    }
    if (row.kind === "bulk-script" && !output) {
      output = new Output(id);
      subs.after(output.element);
    }
    if (table) await table.load();
    if (output) await output.load();
  }

  function render() {
    const name = task.Name || id;
    say(heading, name);
    document.title = `${name} – odimra`;
    say(state, task.TaskState);
    state.className = `badge ${mood(task.TaskState, task.TaskStatus)}`;
    bar.value = task.PercentComplete;
    say(percent, `${task.PercentComplete} %`);
    const over = isFinal(task.TaskState);
    cancel.disabled = over || task.TaskState === "Cancelling";
    remove.disabled = false;
    show.disabled = !task.TaskMonitor || !over;
    show.textContent = over ? "Show the result" : "There is a result when it has ended";
    if (over && !task.TaskMonitor) show.textContent = "There is no result to show";
    const lines = [row.kind, row.owner, task.StartTime, task.EndTime, task.TaskStatus, task.Description].join("\n");
    if (kept.facts !== lines) {
      kept.facts = lines;
      replace(facts,
        fact("Kind", row.kind), fact("Owner", row.owner), fact("Started", time(task.StartTime)),
        fact("Ended", time(task.EndTime)), fact("Duration", h("span", { id: "lasted" }, lasted(row))),
        fact("Status", task.TaskStatus), fact("Description", task.Description), fact("Id", h("code", {}, task.Id)),
        parent && fact("Part of", h("a", { href: `#/tasks/${parent}` }, parent)));
    }
    tick();
    once("messages", task.Messages, said, messages);
    once("payload", task.Payload, asked, payload);
  }

  function once(name, value, place, make) {
    const text = JSON.stringify(value) || "";
    if (kept[name] === text) return;
    kept[name] = text;
    replace(place, make(value));
  }

  function tick() {
    const place = facts.querySelector("#lasted");
    if (row && place) say(place, lasted(row));
    if (table) table.rows.tick();
  }

  async function showResult() {
    try {
      const answer = await ask("GET", task.TaskMonitor);
      const headers = ["Content-Type", "Location", "ETag"].filter((name) => answer.headers.get(name));
      replace(result,
        h("p", {}, "The operation answered ", h("strong", {}, String(answer.status)), "."),
        headers.length > 0 && h("pre", { tabindex: "0", role: "region", "aria-label": "Headers of the result" },
          headers.map((name) => `${name}: ${answer.headers.get(name)}`).join("\n")),
        answer.text && h("pre", { tabindex: "0", role: "region", "aria-label": "Body of the result" },
          answer.body ? pretty(answer.body) : answer.text));
    } catch (error) {
      replace(result, h("p", { class: "trouble" }, error.message));
    }
  }

  async function askCancel() {
    const agreed = await question({
      title: "Cancel this task?",
      text: `${task.Name}: what it has done so far stays done; the task stays here as Cancelled.`,
      yes: "Cancel the task", danger: true,
      act: async () => {
        // The monitor of a task that ended meanwhile gives its result instead: there is nothing to cancel.
        const answer = await ask("DELETE", `/taskmon/${enc(id)}`);
        if (answer.status >= 400) throw new Error(worded(answer.body, answer.status));
      },
    });
    if (agreed) {
      tell("The task is being cancelled.");
      load().catch(() => {});
    }
  }

  async function askDelete() {
    const ended = isFinal(task.TaskState);
    const agreed = await question({
      title: "Delete this task?",
      text: ended ? "Its messages and its result go with it." : "It is cancelled first; its messages and its result go with it.",
      yes: "Delete the task", danger: true,
      act: () => call("DELETE", uri),
    });
    if (agreed) {
      tell(ended ? "The task was deleted." : "The task is deleted as soon as it has ended.");
      location.hash = parent ? `#/tasks/${parent}` : "#/tasks";
    }
  }

  cancel.disabled = remove.disabled = show.disabled = true;
  replace(main,
    h("p", { class: "crumbs" }, h("a", { href: "#/tasks" }, "Tasks"),
      parent && [" / ", h("a", { href: `#/tasks/${parent}` }, "whole task")]),
    heading, trouble,
    h("div", { class: "line" }, state, h("span", { class: "bar" }, bar, percent), h("span", { class: "buttons" }, cancel, remove)),
    facts, subs,
    h("section", {}, h("h2", {}, "Messages"), said),
    h("section", {}, h("h2", {}, "Result"), show,
      h("p", { class: "note" }, "Where task monitors expire, reading the result starts their time."), result),
    h("section", {}, h("h2", {}, "Request"), asked));
  load().catch(() => {});
  const timer = setInterval(tick, 1000);
  const fresh = keepFresh(load, (event) => origin(event).includes(id), 4000);
  return () => { clearInterval(timer); fresh(); };
}
