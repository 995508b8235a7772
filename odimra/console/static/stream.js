// Events as they come. Not an EventSource: that cannot send the session's token, and only cookies
// would be left, which Redfish forbids.

import { current, ended } from "./api.js";

const KEPT = 1000;
const STREAM = "/redfish/v1/EventService/SSE";
const SLOWEST = 10000;

/** Tells `event` (detail: the event) and `state` (detail: `live`, `connecting`, `off`). */
export class Stream extends EventTarget {
  constructor() {
    super();
    this.events = [];
    this.state = "off";
    this.last = "";
    this.turn = null;
  }

  start() {
    if (this.turn) return;
    this.turn = new AbortController();
    this.run(this.turn.signal);
  }

  stop() {
    if (this.turn) this.turn.abort();
    this.turn = null;
    this.events = [];
    this.last = "";
    this.tell("off");
  }

  tell(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  async run(signal) {
    let wait = 250;
    while (!signal.aborted) {
      this.tell("connecting");
      const used = current();
      if (!used) return;
      try {
        const headers = { Accept: "text/event-stream", "X-Auth-Token": used.token };
        // What came while nobody was connected is told now.
        if (this.last) headers["Last-Event-ID"] = this.last;
        const response = await fetch(STREAM, { headers, credentials: "omit", cache: "no-store", signal });
        if (response.status === 401) {
          ended(used);
          return;
        }
        if (response.status === 400) this.last = "";
        if (response.ok) {
          this.tell("live");
          wait = 250;
          await this.read(response.body.getReader());
        }
      } catch {
        if (signal.aborted) return;
      }
      this.tell("connecting");
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, SLOWEST);
    }
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    let id = "";
    let data = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop();
      for (const raw of lines) {
        const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
        if (line === "") {
          if (data) this.take(id, data);
          id = "";
          data = "";
        } else if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trimStart();
      }
    }
  }

  take(id, data) {
    if (id) this.last = id;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    for (const one of message.Events || []) {
      this.events.push(one);
      if (this.events.length > KEPT) this.events.shift();
      this.dispatchEvent(new CustomEvent("event", { detail: one }));
    }
  }
}

export const stream = new Stream();

/**
 * Call `refresh` soon after an event that `concerns` it, and every `every` milliseconds all the same:
 * the stream may be away, and not every change is an event. Never twice at once. Returns the end of it.
 */
export function keepFresh(refresh, concerns, every = 5000) {
  let timer = 0;
  let busy = false;
  let again = false;
  let over = false;
  let ran = 0;
  let took = 0;
  const plan = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(run, wait);
  };
  // What takes the service long is asked for less often: a page is the least of its work.
  const soon = () => Math.max(100, Math.max(500, 10 * took) - (Date.now() - ran));
  async function run() {
    if (over) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    ran = Date.now();
    try {
      if (!document.hidden) await refresh();
    } catch {
      // What cannot be read now is read next time; that nobody answers, the banner says.
    }
    busy = false;
    took = Date.now() - ran;
    if (!over) plan(again ? soon() : Math.max(every, soon()));
  }
  const heard = (event) => {
    if (!concerns(event.detail)) return;
    again = true;
    // A storm of events is one refresh every so often.
    if (!busy) plan(soon());
  };
  const seen = () => {
    if (!document.hidden) plan(0);
  };
  stream.addEventListener("event", heard);
  stream.addEventListener("state", seen);
  document.addEventListener("visibilitychange", seen);
  plan(every);
  return () => {
    over = true;
    clearTimeout(timer);
    stream.removeEventListener("event", heard);
    stream.removeEventListener("state", seen);
    document.removeEventListener("visibilitychange", seen);
  };
}

export const origin = (event) => (event.OriginOfCondition && event.OriginOfCondition["@odata.id"]) || "";
