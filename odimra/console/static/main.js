// The frame of the page: who is there, which view is shown, and whether the service answers.

import { ask, current, logout, signals } from "./api.js";
import { showBulk } from "./bulk.js";
import { showCharts } from "./charts.js";
import { h, replace, say } from "./dom.js";
import { showEvents } from "./events.js";
import { showJobs } from "./jobs.js";
import { showLogin } from "./login.js";
import { showRating } from "./rating.js";
import { showScans } from "./scans.js";
import { showSources } from "./sources.js";
import { stream } from "./stream.js";
import { showSubmitted } from "./submitted.js";
import { showSubscriptions } from "./subscriptions.js";
import { showSystems } from "./systems.js";
import { showTask } from "./task.js";
import { showTasks } from "./tasks.js";

const VIEWS = [
  ["tasks", "Tasks", (main, asked) => (asked.parts.length ? showTask : showTasks)(main, asked)],
  ["charts", "Charts", showCharts],
  ["events", "Events", showEvents],
  ["subscriptions", "Subscriptions", showSubscriptions],
  ["jobs", "Jobs", showJobs],
  ["submitted", "Submitted", showSubmitted],
  ["scans", "Scans", showScans],
  ["bulk", "Bulk", showBulk],
  ["rating", "Rating", showRating],
  ["systems", "Systems", showSystems],
  ["sources", "Sources", showSources],
];

const $ = (id) => document.getElementById(id);
let leave = null;

function asked() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...parts] = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { name: name || "tasks", parts, query };
}

function end() {
  if (leave) leave();
  leave = null;
  if ($("dialog").open) $("dialog").close();
}

function mark(name, title) {
  const nav = $("nav");
  if (!nav.firstChild) for (const [one, text] of VIEWS) nav.append(h("a", { href: `#/${one}` }, text));
  VIEWS.forEach(([one], at) => {
    if (one === name) nav.children[at].setAttribute("aria-current", "page");
    else nav.children[at].removeAttribute("aria-current");
  });
  document.title = `${title} – odimra`;
}

function show(focus) {
  end();
  if (!current()) {
    outside("");
    return;
  }
  $("top").hidden = false;
  say($("user"), current().user);
  const where = asked();
  const [name, title, view] = VIEWS.find(([one]) => one === where.name) || VIEWS[0];
  const settle = () => {
    mark(name, title);
    // Who hears the page instead of seeing it is told that it is another one.
    const heading = $("main").querySelector("h1");
    if (focus && heading) heading.focus();
  };
  leave = view($("main"), { ...where, settle });
  if (!leave.later) settle();
}

function outside(why) {
  end();
  stream.stop();
  $("top").hidden = true;
  showLogin($("main"), why, () => {
    stream.start();
    show(true);
  });
}

let probe = 0;
function away() {
  say($("away"), "The service does not answer. This page tries again until it does.");
  $("away").hidden = false;
  clearInterval(probe);
  probe = setInterval(() => ask("GET", "/redfish/v1/").catch(() => {}), 1000);
}

function back() {
  clearInterval(probe);
  $("away").hidden = true;
  if (current() && leave) show(false);
}

stream.addEventListener("state", ({ detail }) => {
  const dot = $("stream");
  dot.className = `dot ${detail}`;
  say(dot, detail === "live" ? "live" : detail === "connecting" ? "connecting…" : "");
});
signals.addEventListener("expired", () => outside("Your session has ended. Log in to go on where you were."));
signals.addEventListener("away", away);
signals.addEventListener("back", back);
window.addEventListener("hashchange", () => current() && show(true));
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
$("logout").addEventListener("click", async () => {
  await logout();
  location.hash = "#/tasks";
  outside("You have logged out.");
});

if (current()) stream.start();
show(false);
