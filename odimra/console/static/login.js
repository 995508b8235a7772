// Who is there?

import { call, login } from "./api.js";
import { field, h, replace } from "./dom.js";

/** Show the form; `done` is called with a session. */
export function showLogin(main, why, done) {
  const user = h("input", { name: "user", autocomplete: "username", required: true, autocapitalize: "none" });
  const password = h("input", {
    name: "password", type: "password", autocomplete: "current-password", required: true,
  });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const go = h("button", { type: "submit", class: "primary" }, "Log in");
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    trouble.textContent = "";
    try {
      const account = await login(user.value.trim(), password.value);
      if (account) showChange(main, account, done);
      else done();
    } catch (error) {
      trouble.textContent =
        error.status === 401 ? "This name and password are not known here." : error.message;
      password.value = "";
      go.disabled = false;
      password.focus();
    }
  }
  document.title = "Log in – odimra";
  replace(
    main,
    h(
      "form",
      { class: "card login", onsubmit: submit },
      h("h1", {}, "odimra"),
      why && h("p", { class: "why", role: "status" }, why),
      field("User name", user),
      field("Password", password),
      trouble,
      go,
    ),
  );
  user.focus();
}

/** The account may do nothing else before its password is changed. */
function showChange(main, account, done) {
  const first = h("input", { type: "password", autocomplete: "new-password", required: true });
  const second = h("input", { type: "password", autocomplete: "new-password", required: true });
  const trouble = h("p", { class: "trouble", role: "alert" });
  async function submit(event) {
    event.preventDefault();
    if (first.value !== second.value) {
      trouble.textContent = "These are two different passwords.";
      return;
    }
    try {
      await call("PATCH", account, { Password: first.value });
      done();
    } catch (error) {
      trouble.textContent = error.message;
    }
  }
  replace(
    main,
    h(
      "form",
      { class: "card login", onsubmit: submit },
      h("h1", {}, "A new password"),
      h("p", {}, "This account has to have its password changed first."),
      field("New password", first),
      field("Once more", second),
      trouble,
      h("button", { type: "submit", class: "primary" }, "Change it"),
    ),
  );
  first.focus();
}
