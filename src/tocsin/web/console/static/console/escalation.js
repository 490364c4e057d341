// The steps of an escalation policy: they can be added and removed; without script there is one more to fill in.
(() => {
  class Steps {
    constructor(root) {
      this.root = root;
      this.next = this.steps().length;
      this.button = root.querySelector("[data-add-step]");
      this.template = root.querySelector("template[data-step-template]");
      const blank = this.steps().filter((step) => "blank" in step.dataset);
      blank.forEach((step) => step.remove());
      if (!this.steps().length) this.add(false);
      this.button.hidden = false;
      this.button.addEventListener("click", () => this.add(true));
      root.addEventListener("click", (event) => {
        const button = event.target.closest("[data-remove-step]");
        if (!button) return;
        button.closest("[data-step]").remove();
        this.number();
        this.button.focus();
      });
      this.number();
    }

    steps() {
      return [...this.root.querySelectorAll(":scope > [data-step]")];
    }

    add(focus) {
      const holder = document.createElement("template");
      holder.innerHTML = this.template.innerHTML.replaceAll("NNN", String(this.next++)); // the server's own markup
      const step = holder.content.firstElementChild;
      this.button.before(step);
      step.dispatchEvent(new CustomEvent("tocsin:shown", { bubbles: true }));
      this.number();
      if (focus) step.querySelector("select").focus();
    }

    number() {
      const steps = this.steps();
      steps.forEach((step, at) => {
        step.querySelector("[data-step-number]").textContent = String(at + 1);
        step.querySelector("[data-remove-step]").hidden = steps.length === 1;
      });
    }
  }

  const begin = (root) => {
    for (const editor of root.querySelectorAll("[data-steps]:not([data-begun])")) {
      editor.dataset.begun = "";
      new Steps(editor);
    }
  };

  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("tocsin:shown", (event) => begin(event.target));
})();
