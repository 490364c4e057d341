"use strict";

// The layers of a schedule: layers, people and times are added, moved and removed; what stands in the form is posted.
(() => {
  let counter = 0;

  const all = (root, selector) => [...root.querySelectorAll(selector)];
  const copy = (template) => template.content.firstElementChild.cloneNode(true);

  /** Gives a copied part names of its own. */
  const rename = (root, from, to) => {
    for (const field of all(root, "[name], template")) {
      if (field.content) rename(field.content, from, to);
      else {
        field.name = field.name.replace(from, to);
        if (field.value === from.replaceAll("-", "")) field.value = to.replaceAll("-", "");
      }
    }
  };

  const shown = (element) => element.dispatchEvent(new CustomEvent("tocsin:shown", { bubbles: true }));

  const move = (element, step) => {
    const other = step < 0 ? element.previousElementSibling : element.nextElementSibling;
    if (!other) return;
    if (step < 0) other.before(element);
    else other.after(element);
  };

  class Layers {
    constructor(root) {
      this.root = root;
      root.dataset.begun = "";
      this.list = root.querySelector("[data-layers-list]");
      this.ready(root);
      root.addEventListener("click", (event) => this.pressed(event.target.closest("button")));
      root.addEventListener("change", (event) => event.target.matches("[data-cycle]") && this.show(event.target));
      this.number();
    }

    ready(part) {
      for (const item of all(part, "[data-needs-script], [data-add-layer], [data-add-person], [data-add-restriction]")) item.hidden = false;
      for (const select of all(part, "[data-cycle]")) this.show(select);
    }

    show(select) {
      select.closest("[data-layer]").querySelector("[data-custom]").hidden = select.value !== "custom";
    }

    number() {
      all(this.list, "[data-layer-title]").forEach((title, index) => {
        title.textContent = `${title.dataset.say} ${index + 1}`;
      });
    }

    pressed(button) {
      if (!button) return;
      const layer = button.closest("[data-layer]");
      const person = button.closest("[data-person]");
      const acts = {
        addLayer: () => this.addLayer(),
        addPerson: () => this.addPerson(layer),
        addRestriction: () => this.addRestriction(layer),
        layerUp: () => move(layer, -1),
        layerDown: () => move(layer, 1),
        layerRemove: () => layer.remove(),
        personUp: () => move(person, -1),
        personDown: () => move(person, 1),
        personRemove: () => person.remove(),
        restrictionRemove: () => button.closest("[data-restriction]").remove(),
      };
      const name = Object.keys(acts).find((act) => act in button.dataset);
      if (!name) return;
      acts[name]();
      this.number();
      if (button.isConnected) button.focus();
      else this.root.querySelector("[data-add-layer]").focus();
    }

    addLayer() {
      const layer = copy(this.root.querySelector("[data-layer-blank]"));
      rename(layer, "__key__", `n${++counter}`);
      this.list.append(layer);
      this.added(layer);
    }

    addPerson(layer) {
      const person = copy(layer.querySelector("[data-person-blank]"));
      layer.querySelector("[data-people]").append(person);
      this.added(person);
    }

    addRestriction(layer) {
      const list = layer.querySelector("[data-restrictions]");
      const blank = list.lastElementChild ?? this.root.querySelector("[data-layer-blank]").content.querySelector("[data-restriction]");
      const row = blank.cloneNode(true);
      const key = layer.querySelector("input[type=hidden]").value;
      const number = `a${++counter}`;
      for (const field of all(row, "[name]")) {
        const last = field.name.match(/(when|days|from|until-day|until)$/)[0];
        field.name = last === "when" ? `layers-${key}-when` : `layers-${key}-${number}-${last}`;
        if (last === "when") field.value = number;
        if (field.type === "time") field.value = "";
      }
      list.append(row);
      this.added(row);
    }

    added(part) {
      this.ready(part);
      shown(part);
      part.querySelector("input:not([type=hidden]), select")?.focus();
    }
  }

  const begin = (root) => {
    for (const part of all(root, "[data-layers]:not([data-begun])")) new Layers(part);
  };
  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("tocsin:shown", (event) => begin(event.target));
})();
