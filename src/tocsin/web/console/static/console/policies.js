"use strict";

// The texts of a policy: what a template makes of a real event, shown below it while somebody types.
(() => {
  class Templates {
    constructor(root) {
      this.root = root;
      this.timers = new Map();
      root.addEventListener("input", (event) => this.soon(event.target.closest("[data-field]")));
      root.addEventListener("focusin", (event) => this.soon(event.target.closest("[data-field]")));
    }

    soon(area) {
      if (!area) return;
      clearTimeout(this.timers.get(area));
      this.timers.set(area, setTimeout(() => this.show(area), 350));
    }

    async show(area) {
      const form = this.root.closest("form");
      const body = new FormData();
      body.append("field", area.dataset.field);
      body.append("source", area.value);
      for (const name of ["rules", "name", "csrfmiddlewaretoken"]) {
        body.append(name, form.querySelector(`[name=${name}]`)?.value ?? "");
      }
      const typed = area.value;
      const reply = await fetch(this.root.dataset.preview, { method: "POST", body }).catch(() => null);
      if (typed !== area.value) return;
      const html = reply?.ok ? await reply.text() : "";
      area.parentElement.querySelector("[data-said]").innerHTML = html.trim(); // escaped by the server's template
    }
  }

  const begin = (root) => {
    for (const editor of root.querySelectorAll("[data-templates]:not([data-begun])")) {
      editor.dataset.begun = "";
      new Templates(editor);
    }
  };

  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("tocsin:shown", (event) => begin(event.target));
})();
