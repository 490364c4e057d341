"use strict";

// Copies the text beside a button; without script the button stays hidden.
(() => {
  const begin = (root) => {
    for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  };

  const fallback = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "tc-hidden";
    document.body.append(area);
    area.select();
    document.execCommand("copy"); // where the page came without TLS there is no clipboard to ask
    area.remove();
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.parentElement.querySelector("pre").textContent;
    if (navigator.clipboard) await navigator.clipboard.writeText(text).catch(() => fallback(text));
    else fallback(text);
    const [before, after] = [button.querySelector("[data-copy-text]"), button.querySelector("[data-copied]")];
    before.hidden = true;
    after.hidden = false;
    button.focus();
    setTimeout(() => {
      before.hidden = false;
      after.hidden = true;
    }, 2000);
  });

  document.addEventListener("DOMContentLoaded", () => {
    begin(document);
    new MutationObserver(() => begin(document)).observe(document.body, { childList: true, subtree: true });
  });
})();

// The severity map: rows of a word and a severity that write the lines of the text area.
(() => {
  const LINE = /^\s*(.+?)\s*=\s*[Pp]?([1-6])\s*$/;

  class Severities {
    constructor(area) {
      this.area = area;
      const lines = area.value.split("\n").filter((line) => line.trim());
      const found = lines.map((line) => LINE.exec(line));
      if (found.some((pair) => pair === null)) return; // what the server refused stays as it was written
      this.rows = document.createElement("div");
      this.rows.className = "tc-severities";
      area.hidden = true;
      area.after(this.rows);
      for (const [, word, severity] of found) this.add(word, severity);
      this.add();
      this.rows.addEventListener("input", () => this.written());
    }

    add(word = "", severity = "6") {
      const row = document.createElement("div");
      row.className = "tc-severity";
      const input = document.createElement("input");
      input.value = word;
      input.maxLength = 64;
      input.placeholder = this.area.dataset.severities;
      input.setAttribute("aria-label", this.area.dataset.severities);
      const select = document.createElement("select");
      select.setAttribute("aria-label", this.area.dataset.as);
      for (let number = 1; number <= 6; number += 1) select.add(new Option(`P${number}`, String(number)));
      select.value = severity;
      row.append(input, document.createTextNode("="), select);
      this.rows.append(row);
    }

    written() {
      const rows = [...this.rows.children].map((row) => [...row.querySelectorAll("input, select")].map((f) => f.value));
      this.area.value = rows.filter(([word]) => word.trim()).map(([word, number]) => `${word} = P${number}`).join("\n");
      if (rows.at(-1)[0].trim()) this.add();
    }
  }

  const begin = (root) => {
    for (const area of root.querySelectorAll("textarea[data-severities]:not([data-begun])")) {
      area.dataset.begun = "";
      new Severities(area);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    begin(document);
    new MutationObserver(() => begin(document)).observe(document.body, { childList: true, subtree: true });
  });
})();
