// Work that is done later, or again and again: Redfish Jobs, and those of the scanner's scheduler.

import { h, replace, time } from "./dom.js";
import { question } from "./dialogs.js";
import { members } from "./members.js";
import { mood } from "./rows.js";
import { origin } from "./stream.js";
import { act } from "./subscriptions.js";
import { call } from "./api.js";

const JOBS = "/redfish/v1/JobService/Jobs";
const OVER = new Set(["Completed", "Cancelled", "Exception"]);

function row(job, done) {
  const name = job.Name || job.Id;
  const actions = job.Actions || {};
  const runs = (job.Links && job.Links.CreatedResources) || [];
  const run = runs.length ? runs[runs.length - 1]["@odata.id"].split("/").pop() : null;
  const button = (key, text, act) => actions[`#Job.${key}`] && h("button", {
    type: "button", "data-key": `${key} ${job["@odata.id"]}`, "aria-label": `${text.replace("…", "")} ${name}`, onclick: act,
  }, text);
  const simple = (key, text, what) => button(key, text, () => act(actions[`#Job.${key}`], what, done));
  const held = job.JobState === "Suspended";
  async function cancel() {
    const agreed = await question({
      title: `Cancel ${name}?`, text: "Its run is cancelled, and no more are started.", yes: "Cancel the job", danger: true,
      act: () => call("POST", actions["#Job.Cancel"].target, {}),
    });
    if (agreed) done();
  }
  return [
    h("td", {}, h("strong", {}, name), h("span", { class: "under" }, job.CreatedBy || "")),
    h("td", {}, h("span", { class: `badge ${mood(job.JobState, job.JobStatus)}` }, job.JobState)),
    h("td", { class: "wide number" }, time(job.StartTime)),
    h("td", { class: "wide" }, run ? h("a", { href: `#/tasks/${run}` }, "last run") : "none yet"),
    h("td", {}, h("span", { class: "buttons" },
      simple("ForceStart", "Start now", "The job is started."),
      !OVER.has(job.JobState) && (held ? simple("Resume", "Resume", "The job goes on.") : simple("Suspend", "Suspend", "The job is suspended.")),
      !OVER.has(job.JobState) && button("Cancel", "Cancel…", cancel))),
  ];
}

export function showJobs(main) {
  const list = members({
    uri: JOBS, caption: "Jobs", row: (one) => row(one, () => list.load().catch(() => {})),
    columns: ["Job", "State", "Next or last start wide", "Run wide", "Actions"],
    concerns: (event) => origin(event).startsWith(JOBS), every: 5000,
  });
  replace(main, h("h1", { tabindex: "-1" }, "Jobs"), list.element);
  return list.end;
}
