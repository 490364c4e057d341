"use strict";

// Unfold takes every file input for one of its own, whose name stands in a text field beside it; the browser shows ours.
document.addEventListener("change", (event) => {
  if (event.target.matches("input.tc-file")) event.stopImmediatePropagation();
}, true);
