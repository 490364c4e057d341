"use strict";

// The list of contacts: buttons wake when rows are selected, the selection may go across pages, filters act at once.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector(".tc-contacts");
  if (!page) return;
  const form = document.getElementById("changelist-form");
  const boxes = [...form.querySelectorAll("input.action-select")];
  const toggle = document.getElementById("action-toggle");
  const note = form.querySelector(".tc-selection");
  const across = form.elements.select_across;
  const sleepers = page.querySelectorAll("[data-wakes]");

  const update = () => {
    const count = boxes.filter((box) => box.checked).length;
    const isAll = count > 0 && count === boxes.length;
    if (!isAll) across.value = "0";
    sleepers.forEach((button) => { button.disabled = count === 0; });
    boxes.forEach((box) => box.closest("tr").classList.toggle("selected", box.checked));
    if (toggle) {
      toggle.checked = isAll;
      toggle.indeterminate = count > 0 && !isAll;
    }
    if (!note) return;
    const isAcross = across.value === "1";
    note.hidden = count === 0;
    note.querySelector("span").textContent = isAcross ? note.dataset.sayAll : note.dataset.saySome.replace("{n}", count);
    note.querySelector("[data-across]").hidden = isAcross || !isAll || Number(note.dataset.all) <= boxes.length;
  };

  form.addEventListener("change", (event) => {
    if (event.target === toggle) boxes.forEach((box) => { box.checked = toggle.checked; });
    update();
  });
  let last = null;
  form.addEventListener("click", (event) => {
    const box = event.target.closest("input.action-select");
    if (box && event.shiftKey && last) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((one, other) => one - other);
      boxes.slice(from, to + 1).forEach((item) => { item.checked = box.checked; });
      update();
    }
    if (box) last = box;
    if (event.target.closest("[data-across]")) {
      across.value = "1";
      update();
    } else if (event.target.closest("[data-clear]")) {
      boxes.forEach((item) => { item.checked = false; });
      update();
    }
  });
  window.addEventListener("pageshow", update);
  update();

  page.querySelectorAll("[data-submits]").forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));

  const panel = page.querySelector(".tc-panel");
  if (window.matchMedia("(max-width: 1023px)").matches) panel.open = false;

  const menu = page.querySelector(".tc-more");
  document.addEventListener("click", (event) => { if (menu?.open && !event.target.closest("summary")) menu.open = false; });
  menu?.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});
