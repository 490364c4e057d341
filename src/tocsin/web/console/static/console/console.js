"use strict";

// A part of a page that polls replaces itself when something changed, but not under the hands of somebody who writes;
// what the reader had opened stays open.
window.tocsin = {
  mayRefresh() {
    const writes = [...document.querySelectorAll("#alert-live textarea")].some((area) => area.value !== "");
    return !writes && !document.activeElement.matches("textarea") && !document.querySelector(".tc-menu[open]");
  },
};

(() => {
  const open = new Set();

  document.addEventListener("toggle", (event) => {
    const id = event.target.id;
    if (event.target.tagName !== "DETAILS" || !id) return;
    if (event.target.open) open.add(id);
    else open.delete(id);
  }, true);

  // What was asked for before somebody began to write comes too late.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "alert-live" && !window.tocsin.mayRefresh()) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
  });
})();

// Unfold takes every row of a form that htmx settles for one of its inline formsets, and fails on the others.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.target.dataset.inlineFormset) event.stopImmediatePropagation();
}, true);
