"use strict";

// A select with data-picker becomes a box to search in (the combobox pattern); the select stays and is what is posted.
// It begins when the page is ready and on "tocsin:shown"; what is chosen fires "change" on the select.
(() => {
  let counter = 0;

  const make = (tag, attributes = {}, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };

  class Picker {
    constructor(select) {
      this.select = select;
      this.say = select.dataset;
      this.options = [];
      this.active = -1;
      this.page = 0;
      this.hasMore = false;
      this.asked = 0;
      this.build();
      this.showChosen();
    }

    build() {
      const { select } = this;
      const id = select.id || `tc-picker-${++counter}`;
      this.listId = `${id}_list`;
      this.root = make("div", { class: "tc-picker" });
      this.chosen = make("ul", { class: "tc-picker-chosen" });
      this.input = make("input", {
        type: "text", role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-haspopup": "listbox",
        "aria-controls": this.listId, autocomplete: "off", spellcheck: "false", placeholder: this.say.sayFind, id,
      });
      for (const name of ["aria-describedby", "aria-invalid", "aria-label", "aria-labelledby"]) {
        if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
      }
      this.list = make("ul", { role: "listbox", id: this.listId, class: "tc-picker-list", "aria-label": this.say.sayFind });
      if (select.multiple) this.list.setAttribute("aria-multiselectable", "true");
      this.list.hidden = true;
      this.status = make("div", { role: "status", class: "tc-hidden" });
      this.box = make("div", { class: "tc-picker-box" });
      this.box.append(this.chosen, this.input);
      this.root.append(this.box, this.list, this.status);
      select.id = `${id}_select`;
      select.hidden = true;
      select.dataset.picked = "";
      select.after(this.root);
      this.listen();
    }

    listen() {
      const { input, list } = this;
      input.addEventListener("input", () => {
        clearTimeout(this.waits);
        this.waits = setTimeout(() => this.search(), 150);
      });
      input.addEventListener("click", () => { if (list.hidden) this.search(); });
      input.addEventListener("keydown", (event) => this.pressed(event));
      input.addEventListener("blur", () => this.close());
      this.box.addEventListener("click", (event) => { if (event.target === this.box || event.target === this.chosen) input.focus(); });
      list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the box
      list.addEventListener("click", (event) => {
        const option = event.target.closest("[data-index]");
        if (option) this.toggle(this.options[Number(option.dataset.index)]);
      });
      list.addEventListener("scroll", () => {
        if (this.hasMore && list.scrollTop + list.clientHeight > list.scrollHeight - 40) this.more();
      });
      this.chosen.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        this.drop(button.dataset.value);
        input.focus();
      });
    }

    pressed(event) {
      const keys = {
        ArrowDown: () => (this.list.hidden ? this.search() : this.move(1)),
        ArrowUp: () => (this.list.hidden ? this.search() : this.move(-1)),
        Enter: () => (!this.list.hidden && this.active >= 0 ? this.toggle(this.options[this.active]) : this.input.value !== ""),
        Escape: () => (this.list.hidden ? false : this.close()),
        Backspace: () => this.input.value === "" && this.select.multiple && this.dropLast(),
      };
      const acts = keys[event.key];
      if (acts && !event.isComposing && acts() !== false) {
        event.preventDefault();
        event.stopPropagation();
      }
    }

    search() {
      clearTimeout(this.waits);
      this.page = 0;
      this.options = [];
      return this.ask();
    }

    more() {
      if (this.isAsking) return;
      this.page += 1;
      this.ask();
    }

    async ask() {
      const number = ++this.asked;
      const query = new URLSearchParams({ q: this.input.value, kinds: this.say.kinds, page: String(this.page) });
      this.isAsking = true;
      try {
        const reply = await fetch(`${this.say.picker}?${query}`, { headers: { "X-Tocsin-Dialog": "1" } });
        if (!reply.ok) throw new TypeError(reply.statusText);
        const found = await reply.json();
        if (number !== this.asked) return; // a later question was asked meanwhile
        this.hasMore = found.more;
        this.options.push(...found.results);
        this.show();
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
        this.list.replaceChildren(make("li", { role: "option", "aria-disabled": "true", class: "tc-picker-note" }, this.say.sayFault));
        this.status.textContent = this.say.sayFault;
        this.open();
      } finally {
        this.isAsking = false;
      }
    }

    show() {
      const titles = new Set(this.options.map((option) => option.title));
      const order = [...titles];
      this.options.sort((one, other) => order.indexOf(one.title) - order.indexOf(other.title));
      const rows = [];
      let title = "";
      this.options.forEach((option, index) => {
        if (titles.size > 1 && option.title !== title) {
          title = option.title;
          rows.push(make("li", { role: "presentation", class: "tc-picker-kind" }, title));
        }
        rows.push(make("li", {
          role: "option", id: `${this.listId}_${index}`, "data-index": index,
          "aria-selected": String(this.isChosen(this.value(option))),
        }, option.name));
      });
      if (!rows.length) rows.push(make("li", { role: "option", "aria-disabled": "true", class: "tc-picker-note" }, this.say.sayNone));
      const top = this.list.scrollTop;
      this.list.replaceChildren(...rows);
      this.status.textContent = this.options.length
        ? this.say.sayFound.replace("{n}", `${this.options.length}${this.hasMore ? "+" : ""}`)
        : this.say.sayNone;
      this.open();
      if (this.page) this.list.scrollTop = top;
      else this.mark(this.input.value && this.options.length ? 0 : -1);
    }

    open() {
      this.list.hidden = false;
      this.input.setAttribute("aria-expanded", "true");
      this.list.scrollIntoView({ block: "nearest" });
    }

    close() {
      clearTimeout(this.waits);
      this.asked += 1;
      this.list.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      this.mark(-1);
      if (!this.select.multiple) this.input.value = this.select.selectedOptions[0]?.value ? this.select.selectedOptions[0].text : "";
    }

    move(step) {
      if (!this.options.length) return;
      const next = this.active < 0 && step < 0 ? this.options.length - 1 : this.active + step;
      if (next >= this.options.length && this.hasMore) this.more();
      else this.mark((next + this.options.length) % this.options.length);
    }

    mark(index) {
      this.list.querySelector(".tc-picker-active")?.classList.remove("tc-picker-active");
      this.active = index;
      const row = index < 0 ? null : document.getElementById(`${this.listId}_${index}`);
      if (row) {
        row.classList.add("tc-picker-active");
        row.scrollIntoView({ block: "nearest" });
        this.input.setAttribute("aria-activedescendant", row.id);
      } else {
        this.input.removeAttribute("aria-activedescendant");
      }
    }

    value(option) {
      return "withKind" in this.say ? `${option.kind}:${option.id}` : String(option.id);
    }

    find(value) {
      return [...this.select.options].find((option) => option.value === value);
    }

    isChosen(value) {
      return Boolean(this.find(value)?.selected);
    }

    toggle(option) {
      const value = this.value(option);
      if (this.select.multiple && this.isChosen(value)) {
        this.drop(value);
      } else {
        let item = this.find(value);
        if (!item) {
          item = make("option", { value, "data-kind": option.kind }, option.name);
          this.select.append(item);
        }
        item.selected = true;
        this.status.textContent = this.say.sayChosen.replace("{name}", option.name);
        this.changed();
      }
      this.input.value = "";
      this.close();
    }

    drop(value) {
      const item = this.find(value);
      item.selected = false;
      this.status.textContent = this.say.sayRemoved.replace("{name}", item.text);
      this.changed();
    }

    dropLast() {
      const last = this.select.selectedOptions[this.select.selectedOptions.length - 1];
      if (!last) return false;
      this.drop(last.value);
      return true;
    }

    changed() {
      this.showChosen();
      this.select.dispatchEvent(new Event("change", { bubbles: true }));
    }

    showChosen() {
      if (!this.select.multiple) {
        this.input.value = this.select.selectedOptions[0]?.value ? this.select.selectedOptions[0].text : "";
        return;
      }
      this.chosen.replaceChildren(...[...this.select.selectedOptions].map((option) => {
        const row = make("li", { class: "tc-picker-item" }, option.text);
        const name = this.say.sayRemove.replace("{name}", option.text);
        const button = make("button", { type: "button", "data-value": option.value, "aria-label": name }, "×");
        row.append(button);
        return row;
      }));
    }
  }

  const begin = (root) => {
    for (const select of root.querySelectorAll("select[data-picker]:not([data-picked])")) new Picker(select);
  };
  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("tocsin:shown", (event) => begin(event.target));
})();
