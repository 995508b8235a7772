// What a script finds around it. Evaluated once per context; returns what runs a script:
// (source, bindings as JSON, names of the bindings as JSON) -> "v" and a JSON value, "u" for
// undefined, "p" for a promise whose value "settled" tells once all jobs have been done, or "e" and
// {message, line, syntax} as JSON. Nothing of the host is within reach of the
// script but the functions below, and nothing that one script changes is there for the next.
(function (call, say, OFFSET) {
  "use strict";
  const {parse, stringify} = JSON;
  const {
    getOwnPropertyNames, getOwnPropertySymbols, getOwnPropertyDescriptor, defineProperty, freeze,
    getPrototypeOf, assign, isExtensible,
  } = Object;
  const {deleteProperty} = Reflect;
  const apply = Reflect.apply;
  const exec = RegExp.prototype.exec, slice = String.prototype.slice;
  const $Error = Error, $String = String, $Number = Number, $Function = Function, $Set = Set;
  const $Promise = Promise, then = Promise.prototype.then;
  const has = Set.prototype.has, add = Set.prototype.add;
  const global = globalThis;
  const isArray = Array.isArray;

  // --- functions of the host ---

  function host(name, args) {
    const answer = parse(call(name, stringify(args)));
    if ("error" in answer) {
      const error = new $Error(answer.message);
      assign(error, answer.error);
      throw error;
    }
    return answer.value;
  }

  function needs(name, args, least) {
    if (args.length < least) {
      throw new $Error("no such method: openidm." + name + " with " + args.length + " arguments");
    }
    // JSON has no undefined: what is left out is null.
    const given = [];
    for (let at = 0; at < args.length; at++) given[at] = args[at] === undefined ? null : args[at];
    return given;
  }

  const openidm = {__proto__: null};
  const LEAST = {create: 3, read: 1, update: 3, patch: 3, delete: 2, query: 2, action: 2};
  for (const name of getOwnPropertyNames(LEAST)) {
    openidm[name] = {[name](...args) {
      return host("openidm." + name, needs(name, args, LEAST[name]));
    }}[name];
  }
  for (const name of ["encrypt", "decrypt", "isEncrypted", "hash", "isHashed", "matches"]) {
    openidm[name] = {[name]() { throw new $Error("openidm." + name + " is not supported"); }}[name];
  }

  function text(value) {
    if (typeof value === "string") return value;
    if (value instanceof $Error || typeof value === "bigint") return $String(value);
    try {
      const said = stringify(value);
      return said === undefined ? $String(value) : said;
    } catch (_) {
      return "[" + typeof value + "]";
    }
  }

  // As SLF4J does it: each {} is the next argument.
  function format(pattern, args) {
    const given = text(pattern);
    let out = "", from = 0, next = 0, at;
    while (next < args.length && (at = indexOf(given, "{}", from)) >= 0) {
      out += sliced(given, from, at) + text(args[next++]);
      from = at + 2;
    }
    return out + sliced(given, from);
  }
  const $indexOf = String.prototype.indexOf;
  function indexOf(string, what, from) { return apply($indexOf, string, [what, from]); }
  function sliced(string, from, to) { return apply(slice, string, [from, to]); }

  function said(level, line) { say(level, parse(stringify(sliced(line, 0, 2000)))); }

  const logger = {__proto__: null}, console = {__proto__: null};
  for (const level of ["trace", "debug", "info", "warn", "error"]) {
    logger[level] = {[level](pattern, ...args) { said(level, format(pattern, args)); }}[level];
  }
  function plain(level) {
    return function (...args) {
      let out = "";
      for (let at = 0; at < args.length; at++) out += (at ? " " : "") + text(args[at]);
      said(level, out);
    };
  }
  console.log = plain("info");
  console.info = plain("info");
  console.debug = plain("debug");
  console.warn = plain("warn");
  console.error = plain("error");
  const identityServer = {
    __proto__: null,
    getProperty(name, other) { return other === undefined ? null : other; },
  };
  assign(global, {openidm, logger, console, identityServer});

  // --- what one script changes is not there for the next ---

  // A frozen prototype would keep objects from having properties of these names of their own.
  const OWN = ["constructor", "toString", "toLocaleString", "valueOf", "hasOwnProperty", "name", "message"];
  function overridable(object, name) {
    const found = getOwnPropertyDescriptor(object, name);
    if (found === undefined || !("value" in found) || !found.configurable) return;
    const value = found.value;
    const {get, set} = {
      get() { return value; },
      set(other) {
        if (this === object) return;
        defineProperty(this, name, {
          value: other, writable: true, enumerable: true, configurable: true,
        });
      },
    };
    defineProperty(object, name, {
      get: freeze(get),
      set: freeze(set),
      enumerable: found.enumerable,
      configurable: false,
    });
  }

  const seen = new $Set();
  function freezeAll(value) {
    const kind = typeof value;
    if ((kind !== "object" && kind !== "function") || value === null) return;
    if (value === global || apply(has, seen, [value])) return;
    apply(add, seen, [value]);
    freezeAll(getPrototypeOf(value));
    const names = getOwnPropertyNames(value), symbols = getOwnPropertySymbols(value);
    for (const name of names.concat(symbols)) {
      const found = getOwnPropertyDescriptor(value, name);
      freezeAll(found.value);
      freezeAll(found.get);
      freezeAll(found.set);
    }
    for (const name of OWN) overridable(value, name);
    freeze(value);
  }
  // What the engine keeps behind these two is not theirs to freeze: a function that one script has
  // put there would be called within the next one.
  for (const name of ["prepareStackTrace", "stackTraceLimit"]) {
    defineProperty($Error, name, {value: undefined, writable: false, configurable: false});
  }
  // Kinds of objects that no name leads to.
  for (const one of [
    (function* () {}).prototype, getPrototypeOf(function* () {}), getPrototypeOf(async function () {}),
    getPrototypeOf(async function* () {}), getPrototypeOf([][Symbol.iterator]()),
    getPrototypeOf(new Map()[Symbol.iterator]()), getPrototypeOf(new Set()[Symbol.iterator]()),
    getPrototypeOf(""[Symbol.iterator]()), getPrototypeOf(Int8Array), getPrototypeOf(Int8Array.prototype),
    getPrototypeOf("".matchAll(/x/g)), getPrototypeOf([].values().map(String)),
    getPrototypeOf(Iterator.from({next() {}})),
  ]) freezeAll(one);
  for (const name of getOwnPropertyNames(global)) {
    freezeAll(global[name]);
    const found = getOwnPropertyDescriptor(global, name);
    if (found.configurable) {
      defineProperty(global, name, {
        value: global[name], writable: false, enumerable: false, configurable: false,
      });
    }
  }
  const mine = new $Set(getOwnPropertyNames(global));
  const symbols = getOwnPropertySymbols(global).length;
  const above = getPrototypeOf(global);

  // Take away what a script has left; false if it cannot be.
  function clean() {
    if (getOwnPropertySymbols(global).length !== symbols) return false;
    if (getPrototypeOf(global) !== above || !isExtensible(global)) return false;
    const names = getOwnPropertyNames(global);
    if (names.length === mine.size) return true;
    for (let at = 0; at < names.length; at++) {
      if (!apply(has, mine, [names[at]]) && !deleteProperty(global, names[at])) return false;
    }
    return true;
  }

  // --- running ---

  // Direct eval: its value is that of the last expression, and its variables end with it.
  const runners = {__proto__: null};
  function runner(names) {
    const known = runners[names];
    if (known !== undefined) return known;
    const list = parse(names);
    const made = new $Function(...list, "return eval(arguments[" + list.length + "])");
    freezeAll(made);  // "arguments.callee" of a script
    return runners[names] = made;
  }

  const PLACE = /<input>:(\d+)/g;
  function lineOf(stack) {
    if (typeof stack !== "string") return null;
    PLACE.lastIndex = 0;
    for (let found; (found = apply(exec, PLACE, [stack])) !== null;) {
      const line = $Number(found[1]);
      if (line < OFFSET) return line;
    }
    return null;
  }

  // What is put together with + may be kept in pieces, which the host cannot take.
  const $join = Array.prototype.join;
  function flat(...pieces) { return apply($join, pieces, [""]); }

  function failure(error, syntax) {
    let message = "the script has ended in an exception", line = null;
    try {
      if (error instanceof $Error) {
        message = $String(error.name) + ": " + $String(error.message);
        line = lineOf(error.stack);
      } else {
        message = "thrown: " + text(error);
        // The engine has no Error for that once there is no memory left to make one.
        if (error === null) message += ", or out of memory";
      }
    } catch (_) { /* an exception that cannot be read: nothing is known of it */ }
    return flat("e", stringify({message: sliced(message, 0, 1000), line, syntax}));
  }

  function run(source, bindings, names) {
    let value;
    try {
      const given = parse(bindings);
      given[given.length] = source;
      value = apply(runner(names), undefined, given);
    } catch (error) {
      return failure(error, false);
    }
    try {
      if (!(value instanceof $Promise)) return told(value);
      outcome = undefined;
      apply(then, value, [
        (found) => { outcome = told(found); },
        (error) => { outcome = failure(error, false); },
      ]);
      return "p";
    } catch (error) {
      return failure(error, false);
    }
  }

  let outcome;
  function settled() {
    const said = outcome;
    outcome = undefined;
    return said === undefined ? failure(new $Error("its promise is never fulfilled"), false) : said;
  }

  function told(value) {
    if (value === undefined) return "u";
    try {
      const said = stringify(value);
      if (said === undefined) {
        return failure(new $Error("its value, a " + typeof value + ", is no JSON"), false);
      }
      if (typeof value === "number" && value - value !== 0) {
        return failure(new $Error("its value, " + value + ", is no JSON"), false);
      }
      return flat("v", said);
    } catch (error) {
      return failure(error, false);
    }
  }

  const STRICT = /^\s*(?:"use strict"|'use strict')/;
  function check(source) {
    // Read as a whole before anything of it runs: then the first statement ends it.
    const first = apply(exec, STRICT, [source]) === null ? "throw 0;" : "'use strict';throw 0;";
    const rest = sliced(source, 0, 2) === "#!" ? "//" + sliced(source, 2) : source;
    try {
      apply(runner("[]"), undefined, [first + rest]);
    } catch (error) {
      return error === 0 ? "u" : failure(error, true);
    }
    return "u";
  }

  return freeze(function (what, source, bindings, names) {
    if (what === "clean") return clean();
    if (what === "settled") return settled();
    return what === "check" ? check(source) : run(source, bindings, names);
  });
})
