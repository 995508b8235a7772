// The machines, and their power.

import { call, get } from "./api.js";
import { h, replace, select, tell } from "./dom.js";
import { question } from "./dialogs.js";
import { members } from "./members.js";
import { origin } from "./stream.js";

const SYSTEMS = "/redfish/v1/Systems";

/** Tell what became of an operation: a task to be followed, or that it is done. */
export function began(answer, what) {
  const place = answer.headers.get("Location");
  if (answer.status === 202 && place) {
    const id = place.split("/").pop();
    tell(what, " has begun: ", h("a", { href: `#/tasks/${id}` }, "follow its task"));
  } else tell(what, " is done.");
}

async function kinds(action) {
  const told = action["ResetType@Redfish.AllowableValues"];
  if (told) return told;
  const info = action["@Redfish.ActionInfo"] && (await get(action["@Redfish.ActionInfo"]));
  const one = info && info.Parameters.find((parameter) => parameter.Name === "ResetType");
  return (one && one.AllowableValues) || [];
}

/** Ask how to reset something, and do it. */
export async function reset(name, action, usual = "GracefulRestart") {
  let values;
  try {
    values = await kinds(action);
  } catch (error) {
    tell(error.message);
    return;
  }
  const control = select(values.map((value) => [value, value]), values.includes(usual) ? usual : values[0]);
  let answer = null;
  const agreed = await question({
    title: `Reset ${name}?`, text: "It begins at once.", yes: "Reset", danger: true,
    fields: values.length ? { ResetType: ["How", control] } : {},
    act: async (given) => { answer = await call("POST", action.target, given); },
  });
  if (agreed) began(answer, `The reset of ${name}`);
}

function row(system) {
  const id = system.Id || system["@odata.id"].split("/").pop();
  const action = system.Actions && system.Actions["#ComputerSystem.Reset"];
  const health = (system.Status && system.Status.Health) || "";
  const power = system.PowerState || "no answer";
  return [
    h("td", {}, h("strong", {}, system.Name || id), h("span", { class: "under" }, id)),
    h("td", {}, h("span", { class: `badge ${power === "On" ? "good" : power === "Off" ? "hold" : "warn"}` }, power)),
    h("td", {}, health && h("span", { class: `badge ${health === "OK" ? "good" : health === "Warning" ? "warn" : "bad"}` }, health)),
    h("td", { class: "wide" }, [system.Manufacturer, system.Model].filter(Boolean).join(" ")),
    h("td", { class: "wide" }, system.BiosVersion || ""),
    h("td", {}, action && h("button", {
      type: "button", "data-key": `reset ${id}`, "aria-label": `Reset ${system.Name || id}`,
      onclick: () => reset(system.Name || id, action),
    }, "Reset…")),
  ];
}

export function showSystems(main) {
  const list = members({
    uri: SYSTEMS, caption: "Systems", row,
    columns: ["System", "Power", "Health", "Model wide", "BIOS wide", "Actions"],
    concerns: (event) => origin(event).startsWith(SYSTEMS),
    empty: "There are none: add a source, or emulate a fleet.",
  });
  replace(main, h("h1", { tabindex: "-1" }, "Systems"), list.element);
  return list.end;
}
