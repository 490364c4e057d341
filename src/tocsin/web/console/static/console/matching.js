"use strict";

// The matching editor: rows of conditions that write the text of a policy's rules. The text is what is posted, and the
// server reads it; without script, or where the server does not answer, people write it themselves.
(() => {
  const MOST_SUGGESTED = 12;
  const PLAIN_KEY = /^[^\p{C}\p{Z}=!"#]+$/u;
  const NEEDS_QUOTES = /^\s|\s$|^"|\p{C}|[^\P{Z} ]/u;

  const SIGNS = { eq: "=", neq: "!=", re: "=~", nre: "!~", in: "in", nin: "not in" };

  const line = ({ key, sign, value }) => {
    const name = PLAIN_KEY.test(key) ? key : JSON.stringify(key);
    return `${name} ${sign} ${NEEDS_QUOTES.test(value) ? JSON.stringify(value) : value}`.trimEnd();
  };

  class Editor {
    constructor(root) {
      this.root = root;
      this.text = root.querySelector("textarea");
      this.rows = root.querySelector("[data-rules-rows]");
      this.seen = new Map();
      this.asked = 0;
      this.isText = true;
      for (const [selector, act] of [
        ["[data-add-rule]", () => this.nextRule()],
        ["[data-as-text]", () => this.showText()],
        ["[data-as-rows]", () => this.showRows()],
      ]) {
        root.querySelector(selector).addEventListener("click", act);
      }
      this.text.addEventListener("input", () => this.soon());
      this.rows.addEventListener("input", () => this.written());
      this.rows.addEventListener("focusin", (event) => this.suggest(event.target));
      root.querySelector("[data-rules-acts]").hidden = false;
      this.showRows();
      this.learn();
    }

    part(name) {
      return this.root.querySelector(`[data-rules-${name}]`);
    }

    async check() {
      const asked = ++this.asked;
      const body = new FormData();
      body.append("rules", this.text.value);
      body.append("csrfmiddlewaretoken", this.root.closest("form").querySelector("[name=csrfmiddlewaretoken]").value);
      const reply = await fetch(this.root.dataset.check, { method: "POST", body }).catch(() => null);
      if (asked !== this.asked) return null;
      if (!reply || !reply.ok) {
        this.part("preview").textContent = "";
        return null;
      }
      const answer = await reply.json();
      if (asked !== this.asked) return null;
      this.part("preview").innerHTML = answer.html; // escaped by the server's template
      this.placeProblems(answer.problems);
      return answer;
    }

    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.check(), 350);
    }

    async showRows() {
      const answer = await this.check();
      if (!answer || answer.rules === null) return;
      this.rows.replaceChildren();
      for (const rule of answer.rules) {
        const added = this.addRule();
        for (const condition of rule) this.addCondition(added, condition);
      }
      this.toggle(false);
      this.number();
      this.placeProblems(answer.problems);
    }

    showText() {
      this.toggle(true);
      this.text.focus();
      this.soon();
    }

    toggle(isText) {
      this.isText = isText;
      this.part("text").hidden = !isText;
      this.rows.hidden = isText;
      this.root.querySelector("[data-as-text]").hidden = isText;
      this.root.querySelector("[data-as-rows]").hidden = !isText;
      this.root.querySelector("[data-add-rule]").hidden = isText;
    }

    copy(name) {
      return this.root.querySelector(`template[data-${name}]`).content.firstElementChild.cloneNode(true);
    }

    addRule() {
      const rule = this.copy("rule");
      rule.querySelector("[data-add-condition]").addEventListener("click", () => this.addCondition(rule).focus());
      this.rows.append(rule);
      this.number();
      return rule;
    }

    /** One that is still empty is used before another is added. */
    nextRule() {
      const filled = this.filled().map(({ rule }) => rule);
      const empty = [...this.rows.querySelectorAll(".tc-rule")].find((rule) => !filled.includes(rule));
      (empty?.querySelector("[data-key]") ?? this.addCondition(this.addRule())).focus();
    }

    addCondition(rule, { key = "", operator = "eq", value = "" } = {}) {
      const row = this.copy("condition");
      const input = row.querySelector("[data-key]");
      input.value = key;
      row.querySelector("[data-sign]").value = SIGNS[operator];
      row.querySelector("[data-value]").value = value;
      row.querySelector("[data-remove]").addEventListener("click", () => this.remove(row));
      rule.querySelector("[data-conditions]").append(row);
      return input;
    }

    remove(row) {
      const rule = row.closest(".tc-rule");
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      if (!rule.querySelector(".tc-condition")) rule.remove();
      this.number();
      this.written();
      (next ?? this.rows).querySelector("[data-key]").focus();
    }

    number() {
      const rules = this.rows.querySelectorAll(".tc-rule");
      rules.forEach((rule, index) => {
        rule.querySelector("[data-number]").textContent = index + 1;
      });
      if (!rules.length) this.addCondition(this.addRule());
      this.mark();
    }

    /** Says that every event matches as long as nothing is filled in. */
    mark() {
      const isEmpty = !this.filled().length;
      const said = this.rows.querySelector(":scope > p");
      if (isEmpty && !said) this.rows.prepend(this.copy("everything"));
      if (!isEmpty) said?.remove();
      this.root.querySelector("[data-add-first]").hidden = !isEmpty;
      this.root.querySelector("[data-add-more]").hidden = isEmpty;
    }

    /** Rows in which nothing is typed are no conditions yet. */
    filled() {
      const read = (row) => ({
        row,
        key: row.querySelector("[data-key]").value.trim(),
        sign: row.querySelector("[data-sign]").value,
        value: row.querySelector("[data-value]").value,
      });
      return [...this.rows.querySelectorAll(".tc-rule")]
        .map((rule) => ({
          rule,
          conditions: [...rule.querySelectorAll(".tc-condition")].map(read).filter(({ key, value }) => key || value),
        }))
        .filter(({ conditions }) => conditions.length);
    }

    written() {
      this.text.value = this.filled().map(({ conditions }) => conditions.map(line).join("\n")).join("\n\n");
      this.mark();
      this.soon();
      const row = document.activeElement?.closest(".tc-condition");
      if (row && this.rows.contains(row)) this.suggest(document.activeElement);
    }

    placeProblems(problems) {
      for (const place of this.root.querySelectorAll("[data-problem], [data-rules-problem]")) place.textContent = "";
      for (const input of this.rows.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
      const filled = this.isText ? [] : this.filled();
      for (const { rule, condition, text } of problems) {
        const found = filled[rule - 1];
        const row = found?.conditions[condition - 1]?.row;
        const place = row ?? found?.rule.querySelector(":scope > [data-problem]")?.parentElement;
        const target = place?.querySelector(row ? "[data-problem]" : ":scope > [data-problem]") ?? this.part("problem");
        target.textContent = target.textContent ? `${target.textContent} ${text}` : text;
        for (const input of row?.querySelectorAll("[data-key], [data-value]") ?? []) {
          input.setAttribute("aria-invalid", "true");
        }
      }
    }

    async learn() {
      const reply = await fetch(this.root.dataset.labels).catch(() => null);
      if (!reply || !reply.ok) return;
      const options = [];
      for (const { key, hint, values } of (await reply.json()).labels) {
        this.seen.set(key, values);
        const option = new Option(hint, key);
        option.value = key;
        options.push(option);
      }
      this.root.querySelector("datalist").replaceChildren(...options);
    }

    /** Values of the row's label, those that go on what is typed first; a list of values grows by them. */
    suggest(field) {
      const row = field.closest(".tc-condition");
      if (!row || !field.matches("input, select")) return; // nothing may move under a pointer that presses a button
      for (const shown of this.rows.querySelectorAll("[data-seen]")) {
        if (!row.contains(shown)) shown.hidden = true;
      }
      const value = row.querySelector("[data-value]");
      const isList = ["in", "not in"].includes(row.querySelector("[data-sign]").value);
      const parts = isList ? value.value.split(",").map((part) => part.trim()) : [value.value];
      const typed = parts.at(-1).toLowerCase();
      const known = this.seen.get(row.querySelector("[data-key]").value.trim()) ?? [];
      const left = known.filter((item) => !parts.includes(item) && !(isList && item.includes(",")));
      const shown = left.filter((item) => item.toLowerCase().includes(typed));
      const place = row.querySelector("[data-seen]");
      place.replaceChildren(place.firstElementChild);
      for (const item of (shown.length ? shown : left).slice(0, MOST_SUGGESTED)) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "tc-seen-value";
        button.textContent = item;
        button.addEventListener("click", () => {
          const kept = isList ? parts.filter((part) => part && known.includes(part)) : [];
          value.value = [...kept, item].join(", ");
          this.written();
          value.focus();
        });
        place.append(button);
      }
      place.hidden = place.childElementCount < 2;
    }
  }

  const begin = (root) => {
    for (const editor of root.querySelectorAll("[data-rules]:not([data-begun])")) {
      editor.dataset.begun = "";
      new Editor(editor);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    begin(document);
    new MutationObserver(() => begin(document)).observe(document.body, { childList: true, subtree: true });
  });
})();

// The objects of a policy: only people and groups have channels to choose, rows can be added, and the server says at
// once who of them would not be reached.
(() => {
  const PEOPLE = ["", "contact", "group", "schedule"];

  class Targets {
    constructor(root) {
      this.root = root;
      this.asked = 0;
      this.button = root.querySelector("[data-add-target]");
      this.rows().forEach((row) => this.mark(row));
      root.addEventListener("change", (event) => {
        const row = event.target.closest("[data-target]");
        if (row) this.mark(row);
        this.soon();
      });
      this.button.hidden = false;
      this.button.addEventListener("click", () => this.add());
      this.check();
    }

    rows() {
      return [...this.root.querySelectorAll("[data-target]")];
    }

    mark(row) {
      const [kind] = row.querySelector("select").value.split(":");
      row.classList.toggle("tc-is-robot", !PEOPLE.includes(kind));
    }

    add() {
      const row = this.root.querySelector("template[data-target-row]").content.firstElementChild.cloneNode(true);
      for (const box of row.querySelectorAll("input[type=checkbox]")) box.value = String(this.rows().length);
      this.button.before(row);
      row.dispatchEvent(new CustomEvent("tocsin:shown", { bubbles: true }));
      row.querySelector("input[role=combobox], select")?.focus();
    }

    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.check(), 300);
    }

    async check() {
      const asked = ++this.asked;
      const form = this.root.closest("form");
      const all = new FormData(form);
      const body = new FormData();
      const own = `${this.root.dataset.name}-`;
      for (const [name, value] of all) {
        if (name.startsWith(own)) body.append(`targets-${name.slice(own.length)}`, value);
        else if (name === "csrfmiddlewaretoken") body.append(name, value);
      }
      const reply = await fetch(this.root.dataset.reach, { method: "POST", body }).catch(() => null);
      if (asked !== this.asked) return;
      const html = reply?.ok ? await reply.text() : "";
      if (asked === this.asked) this.root.querySelector("[data-reach-said]").innerHTML = html.trim(); // escaped there
    }
  }

  const begin = (root) => {
    for (const editor of root.querySelectorAll("[data-targets]:not([data-begun])")) {
      editor.dataset.begun = "";
      new Targets(editor);
    }
  };

  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("tocsin:shown", (event) => begin(event.target));
})();
