// The task scanner: its scheduled jobs, and runs.

import { call, get } from "./api.js";
import { count, h, replace, tell, time } from "./dom.js";
import { listed } from "./list.js";
import { origin } from "./stream.js";

const JOBS = "/openidm/scheduler/job";
const RUNS = "/openidm/taskscanner";
const MOODS = { INITIALIZED: "hold", ACTIVE: "run", COMPLETED: "good", CANCELLED: "warn", ERROR: "bad" };
const SOME = "_queryFilter=true&_pageSize=100";

const trigger = (job) => (job.triggers && job.triggers[0] && job.triggers[0].serialized) || {};

function when(job) {
  if (job.schedule) return job.schedule;
  return job.repeatInterval ? `every ${job.repeatInterval / 1000} s` : "once";
}

function jobRow(job, done) {
  const at = trigger(job);
  const paused = at.state === "PAUSED" || (job.triggers[0] && job.triggers[0].state === "PAUSED") || !job.enabled;
  const button = (verb, text, said) => h("button", {
    type: "button", "data-key": `${verb} ${job._id}`, "aria-label": `${text} ${job._id}`,
    onclick: async () => {
      try {
        await call("POST", `${JOBS}/${encodeURIComponent(job._id)}?_action=${verb}`, {});
        tell(said);
      } catch (error) {
        tell(error.message);
      }
      done();
    },
  }, text);
  const scan = (job.invokeContext && job.invokeContext.scan) || {};
  return [
    h("td", {}, h("strong", {}, job._id), h("span", { class: "under" }, scan.object || "")),
    h("td", { class: "wide" }, when(job)),
    h("td", { class: "number" }, at.nextFireTime ? time(new Date(at.nextFireTime).toISOString()) : paused ? "rests" : "never again"),
    h("td", { class: "number wide" }, at.previousFireTime ? time(new Date(at.previousFireTime).toISOString()) : "not yet"),
    h("td", {}, h("span", { class: "buttons" }, button("trigger", "Run now", "A run was started."),
      paused ? button("resume", "Resume", "The job goes on.") : button("pause", "Pause", "The job rests."))),
  ];
}

function runRow(run) {
  const { state, processed, total, successes, failures } = run.progress;
  return [
    h("td", {}, h("a", { href: `#/tasks/task${run._id}` }, run.name || run._id)),
    h("td", {}, h("span", { class: `badge ${failures && state === "COMPLETED" ? "warn" : MOODS[state] || ""}` }, state)),
    h("td", { class: "number" }, `${count(processed)} of ${count(total)}`),
    h("td", { class: "number wide" }, count(successes)),
    h("td", { class: "number wide" }, count(failures)),
    h("td", { class: "number" }, time(run.started)),
    h("td", { class: "number wide" }, time(run.ended)),
  ];
}

export function showScans(main) {
  const refresh = () => { jobs.load().catch(() => {}); runs.load().catch(() => {}); };
  const jobs = listed({
    caption: "Scanner jobs", columns: ["Job", "Schedule wide", "Next run", "Last run wide", "Actions"],
    key: (job) => job._id, row: (job) => jobRow(job, refresh),
    concerns: (event) => origin(event).startsWith("/redfish/v1/JobService/Jobs"),
    read: async () => (await get(`${JOBS}?${SOME}`)).result,
  });
  const runs = listed({
    caption: "Runs of the scanner", columns: ["Run", "State", "Records", "Succeeded wide", "Failed wide", "Started", "Ended wide"],
    key: (run) => run._id, row: runRow, every: 2000,
    concerns: (event) => origin(event).startsWith("/redfish/v1/TaskService/Tasks"),
    read: async () => (await get(`${RUNS}?${SOME}&_sortKeys=-started`)).result,
  });
  replace(main, h("h1", { tabindex: "-1" }, "Scans"), h("h2", {}, "Jobs"), jobs.element, h("h2", {}, "Runs"), runs.element);
  return () => { jobs.end(); runs.end(); };
}
