"use strict";

// A link or button with data-dialog opens its page in a dialog box. The page is fetched with a header and comes without
// its frame; what it posts is posted the same way. A redirect closes the box and is followed. Without script, or with a
// key that asks for a new tab, it is a page like any other. Pieces that need script begin on the event "tocsin:shown".
(() => {
  const HEADER = "X-Tocsin-Dialog";
  const LOCATION = "X-Tocsin-Location";
  const FIELDS = "input:not([type=hidden]):not([type=submit]), select, textarea, [contenteditable=true]";
  const REFERENCES = ["for", "form", "list", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns"];
  let counter = 0;

  // Signing in again, in another tab, makes another token than the one in the forms that are still open.
  const posted = (form, button) => {
    const data = new FormData(form, button);
    const token = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie);
    if (token && data.has("csrfmiddlewaretoken")) data.set("csrfmiddlewaretoken", token[1]);
    return data;
  };

  const part = (selector) => document.getElementById("tc-dialog-parts").content.querySelector(selector).cloneNode(true);

  class Box {
    constructor(opener, url) {
      this.opener = opener;
      this.url = url;
      this.isBusy = false;
      this.hasChanged = false;
      this.dialog = part("dialog");
      this.dialog.box = this;
      document.body.append(this.dialog);
      this.name();
      this.dialog.addEventListener("click", (event) => this.clicked(event));
      this.dialog.addEventListener("submit", (event) => this.submitted(event));
      this.dialog.addEventListener("cancel", (event) => { if (this.isBusy) event.preventDefault(); });
      this.dialog.addEventListener("close", () => this.closed());
    }

    // Shown when the page is there, or after a moment that people notice.
    async open(options) {
      const opener = this.opener;
      opener?.setAttribute("aria-busy", "true");
      const waits = setTimeout(() => this.show(), 400);
      await this.ask(this.url, options);
      clearTimeout(waits);
      opener?.removeAttribute("aria-busy");
      if (!this.isGone) this.show();
    }

    show() {
      if (this.dialog.open) return;
      this.dialog.showModal();
      this.focus();
    }

    async ask(url, options = {}) {
      if (this.isBusy) return;
      this.busy(true);
      try {
        const reply = await fetch(url, {...options, headers: {[HEADER]: "1"}, credentials: "same-origin"});
        if (options.method === "POST") this.hasChanged = true;
        await this.take(reply, url, options);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        this.fault("network");
      } finally {
        this.busy(Boolean(this.isGone)); // until the next page is there, OK would do it once more
      }
    }

    async take(reply, url, options) {
      const location = reply.headers.get(LOCATION);
      if (reply.status === 401) return this.fault("401");
      if (location) return this.follow(location);
      if ((reply.headers.get("Content-Disposition") || "").startsWith("attachment")) return this.save(reply);
      if (!reply.ok) return this.fault(["403", "404"].includes(String(reply.status)) ? String(reply.status) : "other");
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (!page.querySelector(".tc-dialog-page")) return options.method === "POST" ? this.fault("other") : this.follow(url);
      if (options.method !== "POST") this.url = url;
      await this.render(page);
    }

    follow(location) {
      this.isGone = true;
      const stays = this.opener?.closest("[data-dialog-stay]");
      const target = new URL(stays ? window.location.href : location, window.location.href);
      target.hash = "";
      const here = new URL(window.location.href);
      here.hash = "";
      if (target.href === here.href) window.location.reload();
      else window.location.assign(target.href);
    }

    async save(reply) {
      const name = /filename="?([^";]+)/.exec(reply.headers.get("Content-Disposition"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await reply.blob());
      link.download = name ? name[1] : "";
      link.click();
      URL.revokeObjectURL(link.href);
      this.hasChanged = false;
      this.dialog.close();
      this.isGone = true;
    }

    async render(page) {
      await this.load(page.head);
      const content = document.adoptNode(page.querySelector(".tc-dialog-page"));
      content.querySelectorAll("script").forEach((script) => script.remove());
      this.rename(content);
      for (const form of content.querySelectorAll("form")) {
        form.removeAttribute("x-bind:action"); // unfold's, which names the page under the box
        if (form.id) content.querySelectorAll(`[form="${CSS.escape(form.id)}"]`).forEach((button) => {
          if (!form.contains(button)) form.append(button.closest(".tc-ok-cancel") || button);
          button.removeAttribute("form");
        });
      }
      content.querySelector("#submit-row")?.remove();
      this.dialog.querySelector(".tc-dialog-page").replaceWith(content);
      this.name();
      this.begin(content);
      if (this.dialog.open) this.focus();
    }

    // Widgets: those of htmx, select2 (whose list must lie within the box to be seen), and our own.
    begin(content) {
      window.htmx?.process(content);
      const $ = window.django?.jQuery;
      if ($?.fn.select2) {
        $(content).find(".unfold-admin-autocomplete").select2({dropdownParent: $(this.dialog)});
      }
      content.dispatchEvent(new CustomEvent("tocsin:shown", {bubbles: true}));
    }

    // Django hides jQuery from plug-ins once its own are there, so it is lent to those that come later.
    async load(head) {
      const lent = !window.jQuery && window.django?.jQuery;
      if (lent) window.jQuery = lent;
      for (const wanted of head.querySelectorAll("script[src], link[rel=stylesheet]")) {
        const attribute = wanted.tagName === "LINK" ? "href" : "src";
        const address = new URL(wanted.getAttribute(attribute), window.location.href).href;
        const has = [...document.querySelectorAll(wanted.tagName)].some((item) => item[attribute] === address);
        if (has) continue;
        const element = document.createElement(wanted.tagName);
        if (attribute === "href") element.rel = "stylesheet";
        await new Promise((done) => {
          element.onload = element.onerror = done;
          element[attribute] = address;
          document.head.append(element);
        });
      }
      if (lent) delete window.jQuery;
    }

    // What the page under the box calls the same gets another id here, with all that refers to it.
    rename(content) {
      for (const element of content.querySelectorAll("[id]")) {
        const id = element.id;
        if (!document.getElementById(id)) continue;
        element.id = `${id}_box${++counter}`;
        for (const attribute of REFERENCES) {
          for (const other of content.querySelectorAll(`[${attribute}~="${CSS.escape(id)}"]`)) {
            const words = other.getAttribute(attribute).split(/\s+/);
            other.setAttribute(attribute, words.map((word) => (word === id ? element.id : word)).join(" "));
          }
        }
      }
    }

    name() {
      const title = this.dialog.querySelector(".tc-dialog-head h2");
      title.id ||= `tc-dialog-title-${++counter}`;
      this.dialog.setAttribute("aria-labelledby", title.id);
    }

    // The first wrong field, else what the page wants, else the first field, else Cancel: Enter must not delete.
    focus() {
      const shown = (element) => element.checkVisibility() && !element.disabled;
      const first = (selector) => [...this.dialog.querySelectorAll(selector)].find(shown);
      const body = ".tc-dialog-body";
      const target = first(".tc-dialog-fault") || first("[data-first]") || first(`${body} [aria-invalid=true]`) || first(`${body} .errors input`)
        || first(`${body} [autofocus]`) || first(FIELDS.split(",").map((kind) => `${body} ${kind.trim()}`).join(","))
        || first(".tc-ok-cancel [data-dialog-close]") || first("[data-dialog-close]");
      target?.focus();
    }

    busy(is) {
      this.isBusy = is;
      this.dialog.setAttribute("aria-busy", String(is));
      this.dialog.classList.toggle("tc-busy", is);
    }

    fault(kind) {
      this.dialog.querySelectorAll(".tc-dialog-fault").forEach((old) => old.remove());
      const fault = part(".tc-dialog-fault");
      fault.querySelectorAll("[data-fault]").forEach((text) => { if (text.dataset.fault !== kind) text.remove(); });
      const link = fault.querySelector("a");
      if (link) link.href += `?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
      const body = this.dialog.querySelector(".tc-dialog-body");
      if (!body.hasChildNodes()) this.dialog.querySelector("h2").textContent = this.opener?.textContent.trim() || "";
      body.prepend(fault);
      if (this.dialog.open) fault.focus();
    }

    clicked(event) {
      if (event.target.closest("[data-dialog-close], .cancel-link")) {
        event.preventDefault();
        if (!this.isBusy) this.dialog.close();
        return;
      }
      const link = event.target.closest("a[data-dialog]");
      if (link && isPlain(event)) { // the next step takes this one's place
        event.preventDefault();
        event.stopPropagation();
        this.ask(link.href);
      }
    }

    submitted(event) {
      const form = event.target;
      const button = event.submitter;
      if (form.method === "dialog") return;
      event.preventDefault();
      event.stopPropagation();
      const address = button?.hasAttribute("formaction") ? button.formAction : form.getAttribute("action") || this.url;
      const url = new URL(address, new URL(this.url, window.location.href));
      const data = posted(form, button);
      if (form.method === "get") {
        url.search = new URLSearchParams(data).toString();
        this.ask(url.href);
      } else {
        this.ask(url.href, {method: "POST", body: data});
      }
    }

    closed() {
      this.dialog.remove();
      if (this.isGone) return;
      // What was done without leading elsewhere (a list of results) is not yet on the page underneath.
      if (this.hasChanged && this.dialog.querySelector("[data-dialog-changed]")) window.location.reload();
      else this.opener?.focus();
    }
  }

  const isPlain = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const isReady = () => document.getElementById("tc-dialog-parts") && typeof HTMLDialogElement === "function";

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.defaultPrevented || !isPlain(event) || !isReady()) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy") !== "true") new Box(link, link.href).open();
  });

  // A button that posts the form it stands in (a list's selection) and asks about it in a box.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button?.matches("[data-dialog]") || event.defaultPrevented || !isReady()) return;
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    const form = event.target;
    const address = button.hasAttribute("formaction") ? button.formAction : form.getAttribute("action");
    new Box(button, address || window.location.href).open({method: "POST", body: posted(form, button)});
  });
})();
