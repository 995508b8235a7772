// Who is told of events.

import { call } from "./api.js";
import { h, replace, tell } from "./dom.js";
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

function row(one, done) {
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
    uri: SUBSCRIPTIONS, caption: "Subscriptions", row: (one) => row(one, () => list.load().catch(() => {})),
    columns: ["Destination", "State", "When it fails wide", "Told of wide", "Actions"],
    concerns: (event) => origin(event).startsWith(SUBSCRIPTIONS), every: 5000,
  });
  replace(main, h("h1", { tabindex: "-1" }, "Subscriptions"), list.element);
  return list.end;
}
