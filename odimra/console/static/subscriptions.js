// Who is told of events.

import { call, get } from "./api.js";
import { count, duration, h, replace, tell, time } from "./dom.js";
import { members } from "./members.js";
import { remove } from "./sources.js";
import { origin } from "./stream.js";

const SUBSCRIPTIONS = "/redfish/v1/EventService/Subscriptions";

/** Perform an action without parameters, and say so, or why not. */
export async function act(action, what, done) {
  try {
    await call("POST", action.target, {});
    tell(what);
  } catch (error) {
    tell(error.message);
  }
  done();
}

/** Where a delivery stands: how far behind, and what went wrong. */
function delivery(one) {
  if (!one) return ["–"];
  const behind = one.behind
    ? `${count(one.behind)}${one.more ? " or more" : ""} behind, for ${duration(one.age_seconds * 1000)}`
    : "up to date";
  const trouble = one.failures > 0;
  return [
    h("span", { class: `badge ${trouble ? "bad" : one.age_seconds > 10 ? "warn" : "good"}` }, trouble ? one.failures === 1 ? "failed once" : `failed ${count(one.failures)} times` : behind),
    trouble && h("span", { class: "under" }, `${behind}; next try ${time(one.next_try)}`),
    one.wrong && h("span", { class: "under" }, `${trouble ? "" : "last failure "}${time(one.wrong_at)}: ${one.wrong}`),
  ];
}

function row(one, deliveries, done) {
  const uri = one["@odata.id"];
  const state = (one.Status && one.Status.State) || "";
  const actions = one.Actions || {};
  const resume = actions["#EventDestination.ResumeSubscription"];
  const suspend = actions["#EventDestination.SuspendSubscription"];
  const held = state !== "Enabled";
  const asked = [one.RegistryPrefixes, one.ResourceTypes, one.MessageIds].flatMap((list) => list || []);
  const name = one.Destination || one.Id;
  return [
    h("td", {}, h("strong", {}, name), h("span", { class: "under" }, one.Context || one.Id)),
    h("td", {}, h("span", { class: `badge ${held ? "hold" : "good"}` }, state)),
    h("td", {}, delivery(deliveries[one.Id])),
    h("td", { class: "wide" }, one.SubscriptionType === "SSE" ? "stream" : one.DeliveryRetryPolicy || ""),
    h("td", { class: "wide" }, asked.join(", ") || "everything"),
    h("td", {}, h("span", { class: "buttons" },
      held && resume && h("button", { type: "button", "data-key": `resume ${uri}`, "aria-label": `Resume ${name}`,
        onclick: () => act(resume, "The subscription goes on.", done) }, "Resume"),
      !held && suspend && h("button", { type: "button", "data-key": `suspend ${uri}`, "aria-label": `Suspend ${name}`,
        onclick: () => act(suspend, "The subscription is suspended.", done) }, "Suspend"),
      h("button", { type: "button", "data-key": uri, "aria-label": `Remove ${name}`,
        onclick: () => remove("Remove this subscription?", `${name} is told nothing more.`, uri, done) }, "Remove…"))),
  ];
}

export function showSubscriptions(main) {
  const list = members({
    uri: SUBSCRIPTIONS, caption: "Subscriptions", row: (one, found) => row(one, found.deliveries, () => list.load().catch(() => {})),
    also: () => get("/console/api/deliveries"),
    columns: ["Destination", "State", "Delivery", "When it fails wide", "Told of wide", "Actions"],
    concerns: (event) => origin(event).startsWith(SUBSCRIPTIONS), every: 3000,
  });
  replace(main, h("h1", { tabindex: "-1" }, "Subscriptions"), list.element);
  return list.end;
}
