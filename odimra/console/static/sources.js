// The BMCs behind this service, and machines taken together.

import { call, get } from "./api.js";
import { count, h, replace, select, tell } from "./dom.js";
import { question } from "./dialogs.js";
import { members } from "./members.js";
import { origin } from "./stream.js";
import { began, reset } from "./systems.js";

const SERVICE = "/redfish/v1/AggregationService";
const SOURCES = `${SERVICE}/AggregationSources`;
const AGGREGATES = `${SERVICE}/Aggregates`;
const METHODS = `${SERVICE}/ConnectionMethods`;

const last = (uri) => uri.split("/").pop();

export async function remove(title, text, uri, done) {
  let answer = null;
  const agreed = await question({
    title, text, yes: "Remove", danger: true, act: async () => { answer = await call("DELETE", uri); },
  });
  if (agreed) {
    began(answer, "The removal");
    done();
  }
}

function sourceRow(source, done) {
  const uri = source["@odata.id"];
  const method = source.Links && source.Links.ConnectionMethod && source.Links.ConnectionMethod["@odata.id"];
  return [
    h("td", {}, h("strong", {}, source.HostName || source.Name || last(uri)), h("span", { class: "under" }, source.Name || "")),
    h("td", { class: "wide" }, source.UserName || ""),
    h("td", { class: "wide" }, method ? last(method) : ""),
    h("td", {}, h("button", {
      type: "button", "data-key": uri, "aria-label": `Remove ${source.HostName}`,
      onclick: () => remove(`Remove ${source.HostName}?`, "Its machines are not shown any more; they are left as they are.", uri, done),
    }, "Remove…")),
  ];
}

function aggregateRow(aggregate, done) {
  const uri = aggregate["@odata.id"];
  const name = `${aggregate.Name || "Aggregate"} ${last(uri).slice(0, 8)}`;
  const action = aggregate.Actions && aggregate.Actions["#Aggregate.Reset"];
  const elements = (aggregate.Elements || []).map((one) => last(one["@odata.id"]));
  const some = elements.slice(0, 5).join(", ") + (elements.length > 5 ? ", …" : "");
  return [
    h("td", {}, h("strong", {}, name), h("span", { class: "under" }, last(uri))),
    h("td", { class: "number" }, count(aggregate.ElementsCount ?? elements.length)),
    h("td", { class: "wide" }, some),
    h("td", {}, h("span", { class: "buttons" },
      action && h("button", { type: "button", "data-key": `reset ${uri}`, "aria-label": `Reset ${name}`, onclick: () => reset(name, action) }, "Reset…"),
      h("button", { type: "button", "data-key": uri, "aria-label": `Remove ${name}`,
        onclick: () => remove(`Remove ${name}?`, "The machines in it are left as they are.", uri, done) }, "Remove…"))),
  ];
}

async function addSource(done) {
  let methods;
  try {
    methods = await get(`${METHODS}?$expand=.`);
  } catch (error) {
    tell(error.message);
    return;
  }
  const choices = methods.Members.map((one) => [one["@odata.id"], one.Name]);
  const text = (type, autocomplete) => h("input", { type, autocomplete, required: true, autocapitalize: "none" });
  let answer = null;
  const agreed = await question({
    title: "Add a source", yes: "Add",
    text: "The service looks for the machines behind it and shows them as its own.",
    fields: {
      HostName: ["Host name, address or URL", text("text", "off")],
      UserName: ["User name there", text("text", "off")],
      Password: ["Password there", text("password", "new-password")],
      Method: ["Connection", select(choices, choices[0] && choices[0][0])],
    },
    act: async ({ Method, ...given }) => {
      answer = await call("POST", SOURCES, { ...given, Links: { ConnectionMethod: { "@odata.id": Method } } });
    },
  });
  if (agreed) {
    began(answer, "Adding the source");
    done();
  }
}

async function addAggregate(done) {
  const systems = await get("/redfish/v1/Systems").catch((error) => { tell(error.message); return null; });
  if (!systems) return;
  const chosen = h("select", { multiple: true, size: 8, required: true });
  for (const one of systems.Members) chosen.append(h("option", { value: one["@odata.id"] }, last(one["@odata.id"])));
  const agreed = await question({
    title: "New aggregate", yes: "Make it",
    text: "Machines that are reset together. Hold Ctrl to choose several.",
    fields: { Elements: ["Systems", chosen] },
    act: () => call("POST", AGGREGATES, { Elements: [...chosen.selectedOptions].map((one) => ({ "@odata.id": one.value })) }),
  });
  if (agreed) {
    tell("The aggregate was made.");
    done();
  }
}

export function showSources(main) {
  const sources = members({
    uri: SOURCES, caption: "Sources", row: (one) => sourceRow(one, () => sources.load().catch(() => {})),
    columns: ["Source", "User wide", "Connection wide", "Actions"],
    concerns: (event) => origin(event).startsWith(SOURCES) || (event.MessageId || "").includes("TaskCompleted"),
  });
  const aggregates = members({
    uri: AGGREGATES, caption: "Aggregates", row: (one) => aggregateRow(one, () => aggregates.load().catch(() => {})),
    columns: ["Aggregate", "Machines", "Which wide", "Actions"],
    concerns: (event) => origin(event).startsWith(AGGREGATES),
  });
  replace(main,
    h("h1", { tabindex: "-1" }, "Sources and aggregates"),
    h("section", {}, h("div", { class: "line" }, h("h2", {}, "Sources"),
      h("button", { type: "button", onclick: () => addSource(() => sources.load().catch(() => {})) }, "Add a source…")), sources.element),
    h("section", {}, h("div", { class: "line" }, h("h2", {}, "Aggregates"),
      h("button", { type: "button", onclick: () => addAggregate(() => aggregates.load().catch(() => {})) }, "New aggregate…")), aggregates.element));
  return () => { sources.end(); aggregates.end(); };
}
