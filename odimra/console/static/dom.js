// Building the page from elements only: no text ever becomes markup, so nothing that a machine or a
// user calls itself can do anything here.

/** Make an element. `on…` properties listen, `class` and the like are attributes, null is left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** Make an element of SVG; all properties are attributes. */
export function g(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** Set a text only when it has changed: what is read aloud or selected stays undisturbed. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let numbered = 0;

/** A control with its label. */
export function field(label, control) {
  control.id ||= `field${(numbered += 1)}`;
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control);
}

export function select(options, chosen, properties = {}) {
  const control = h("select", properties);
  for (const [value, text] of options) control.append(h("option", { value }, text));
  control.value = chosen;
  return control;
}

const numbers = new Intl.NumberFormat("en-GB");
export const count = (number) => numbers.format(number);

/** A time as the operator's own clock has it, in full when pointed at. */
export function time(text) {
  if (!text) return "";
  const at = new Date(text);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function duration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Tell what was done, where screen readers hear it too; it goes away by itself. */
let forget = 0;
export function tell(...what) {
  const place = document.getElementById("said");
  replace(place, ...what);
  clearTimeout(forget);
  forget = setTimeout(() => replace(place), 12000);
}
