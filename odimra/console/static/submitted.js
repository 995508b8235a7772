// Jobs that were submitted by their contracts.

import { call, get } from "./api.js";
import { h, replace, select, field, tell, time } from "./dom.js";
import { question } from "./dialogs.js";
import { listed } from "./list.js";
import { origin } from "./stream.js";

const JOBS = "/ghibli-rest/v2/job-manager/jobs";
const TASKS = "/redfish/v1/TaskService/Tasks/";
const MOODS = { SUBMITTED: "hold", RUNNING: "run", SUSPENDED: "hold", COMPLETED: "good", ERROR: "bad", ABORTED: "warn" };
const STATES = [["", "all"], ...Object.keys(MOODS).map((one) => [one, one])];

async function act(job, verb, said, done) {
  try {
    await call("POST", `${JOBS}/${encodeURIComponent(job.id)}/${verb}`);
    tell(said);
  } catch (error) {
    tell(error.message);
  }
  done();
}

function row(job, done) {
  const button = (verb, text, said) => h("button", {
    type: "button", "data-key": `${verb} ${job.id}`, "aria-label": `${text} job ${job.id}`, onclick: () => act(job, verb, said, done),
  }, text);
  async function abort() {
    const agreed = await question({
      title: `Abort job ${job.id}?`, text: "What it has done so far stays done.", yes: "Abort the job", danger: true,
      act: () => call("POST", `${JOBS}/${encodeURIComponent(job.id)}/abort`),
    });
    if (agreed) done();
  }
  const going = job.status === "SUBMITTED" || job.status === "RUNNING";
  return [
    h("td", {}, h("a", { href: `#/tasks/task${job.dfic.dfiid}` }, `Job ${job.id}`), h("span", { class: "under" }, job.extIPID || "")),
    h("td", {}, `${job.contract} ${job.contractAction}`, h("span", { class: "under" }, job.submittedBy)),
    h("td", {}, h("span", { class: `badge ${MOODS[job.status] || ""}` }, job.status),
      job.statusMessage && h("span", { class: "under" }, job.statusMessage)),
    h("td", { class: "wide" }, job.queue),
    h("td", { class: "wide number" }, time(job.createdAt)),
    h("td", { class: "wide number" }, time(job.updatedAt)),
    h("td", {}, h("span", { class: "buttons" },
      going && button("suspend", "Suspend", "The job rests at its next step."),
      job.status === "SUSPENDED" && button("resume", "Resume", "The job goes on."),
      (going || job.status === "SUSPENDED") && h("button", {
        type: "button", "data-key": `abort ${job.id}`, "aria-label": `Abort job ${job.id}`, onclick: abort }, "Abort…"))),
  ];
}

export function showSubmitted(main) {
  let trail = [];
  let place = "";
  let next = "";
  const status = select(STATES, "", { onchange: () => { trail = []; place = ""; load(); } });
  const back = h("button", { type: "button", onclick: () => { place = trail.pop() || ""; load(); } }, "Previous");
  const on = h("button", { type: "button", onclick: () => { trail.push(place); place = next; load(); } }, "Next");
  const load = () => list.load().catch(() => {});
  const list = listed({
    caption: "Submitted jobs", columns: ["Job", "Action", "Status", "Queue wide", "Submitted wide", "Changed wide", "Actions"],
    key: (job) => job.id, row: (job) => row(job, load),
    concerns: (event) => origin(event).startsWith(TASKS),
    read: async () => {
      const query = new URLSearchParams({ maxItems: "50" });
      if (status.value) query.set("status", status.value);
      const found = await get(place || `${JOBS}?${query}`);
      next = found.next || "";
      on.disabled = !next;
      back.disabled = !trail.length && !place;
      return found.jobs || found.items || [];
    },
  });
  replace(main, h("h1", { tabindex: "-1" }, "Submitted jobs"),
    h("form", { class: "filters", role: "search", "aria-label": "Submitted jobs", onsubmit: (event) => event.preventDefault() },
      field("Status", status)),
    list.element, h("nav", { class: "pager buttons", "aria-label": "Pages of submitted jobs" }, back, on));
  return list.end;
}
