// The service as this page reaches it: the same requests that any client sends, with the session of
// who logged in. The token lives as long as the tab.

const KEPT = "odimra.session";

/** An answer that says no. */
export class Refused extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** Nobody answers. */
export class Away extends Error {
  constructor() {
    super("The service does not answer.");
    this.status = 0;
  }
}

/** Tells `expired`, `away` and `back`. */
export const signals = new EventTarget();

let session = null;
try {
  session = JSON.parse(sessionStorage.getItem(KEPT));
} catch {
  session = null;
}

export const current = () => session;

function keep(value) {
  session = value;
  if (value) sessionStorage.setItem(KEPT, JSON.stringify(value));
  else sessionStorage.removeItem(KEPT);
}

// How far the service's clock is ahead of the browser's, in milliseconds.
let skew = 0;
export const now = () => Date.now() + skew;

let reachable = true;
function note(reached) {
  if (reached === reachable) return;
  reachable = reached;
  signals.dispatchEvent(new Event(reached ? "back" : "away"));
}

/** What an error says, whichever face it comes from. */
export function worded(body, status) {
  const error = body && body.error;
  const details = error && error["@Message.ExtendedInfo"];
  if (details && details.length) return details.map((one) => one.Message).join(" ");
  // An OperationResult of the bulk scripts' face, wrapped as that wraps things.
  const result = body && body.object && body.object.message;
  const said = (error && error.message) || (body && body.message) || (result && (result.value || result));
  return typeof said === "string" ? said : `The service answers ${status}.`;
}

export async function ask(method, path, body, { signal, headers = {}, type = "application/json" } = {}) {
  const given = { Accept: "application/json", ...headers };
  if (session) given["X-Auth-Token"] = session.token;
  if (body !== undefined) given["Content-Type"] = type;
  const used = session;
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers: given,
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      // Neither cookies nor what the browser remembers of HTTP Basic, and no window asking for it.
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      signal,
    });
    text = await response.text();
  } catch (error) {
    if (signal && signal.aborted) throw error;
    note(false);
    throw new Away();
  }
  note(true);
  const date = Date.parse(response.headers.get("Date") || "");
  // To the second only: a smaller difference is none.
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  let parsed = null;
  if (text && (response.headers.get("Content-Type") || "").includes("json")) parsed = JSON.parse(text);
  const answer = { status: response.status, headers: response.headers, body: parsed, text };
  if (response.status === 401 && used && !path.startsWith("/taskmon/")) ended(used);
  return answer;
}

/** Ask, and take only a yes. */
export async function call(method, path, body, options) {
  const answer = await ask(method, path, body, options);
  if (answer.status >= 400) {
    throw new Refused(answer.status, worded(answer.body, answer.status), answer.body);
  }
  return answer;
}

export const get = async (path, options) => (await call("GET", path, undefined, options)).body;

/** The session is over; once, however many requests learn of it. */
export function ended(used) {
  if (session !== used) return;
  keep(null);
  signals.dispatchEvent(new Event("expired"));
}

export async function login(user, password) {
  const answer = await call("POST", "/redfish/v1/SessionService/Sessions", {
    UserName: user,
    Password: password,
  });
  const said = answer.body["@Message.ExtendedInfo"] || [];
  keep({
    user,
    token: answer.headers.get("X-Auth-Token"),
    uri: new URL(answer.headers.get("Location"), location.href).pathname,
  });
  const change = said.find((one) => one.MessageId.endsWith("PasswordChangeRequired"));
  return change ? change.MessageArgs[0] : null;
}

export async function logout() {
  const used = session;
  if (!used) return;
  try {
    await ask("DELETE", used.uri);
  } catch {
    // Nobody there to tell: the session ends by itself.
  }
  keep(null);
}
