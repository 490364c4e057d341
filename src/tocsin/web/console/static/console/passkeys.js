"use strict";

// Passkeys: a form with data-passkey gets its hidden field `credential` from the browser, then it is sent.
// "sign-in" asks its own address for a challenge; "prove" and "make" find it in #passkey-options.
(() => {
  const challenge = async (form) => {
    if (form.dataset.passkey !== "sign-in") return JSON.parse(document.getElementById("passkey-options").textContent);
    const reply = await fetch(form.action, {headers: {Accept: "application/json"}, credentials: "same-origin"});
    if (!reply.ok) throw new Error("no challenge");
    return (await reply.json()).request_options;
  };

  const credential = async (form) => {
    const options = await challenge(form);
    if (form.dataset.passkey !== "make") return window.webauthnJSON.get(options);
    const selection = options.publicKey.authenticatorSelection;
    const alone = form.querySelector("[name=passwordless]").checked;
    selection.residentKey = alone ? "required" : "discouraged";
    selection.requireResidentKey = alone;
    if (alone) selection.userVerification = "required";
    return window.webauthnJSON.create(options);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.PublicKeyCredential) return;
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      const button = form.querySelector("button[type=button]");
      const fault = form.querySelector("[data-passkey-fault]");
      form.hidden = false;
      button.addEventListener("click", async () => {
        fault.hidden = true;
        button.disabled = true;
        try {
          form.querySelector("[name=credential]").value = JSON.stringify(await credential(form));
          form.submit();
        } catch {
          fault.hidden = false;
          button.disabled = false;
        }
      });
    }
  });
})();
