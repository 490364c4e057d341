// Forms of robots and webhooks: fields that a platform or a method has not are not shown. The server refuses them anyway.
(() => {
  const GET_HAS_NO = ["body", "recovery_body"];

  const show = (form, names, hidden) => {
    for (const name of names) {
      const field = form.elements[name];
      const row = field && (field.closest(".field-line") || field.closest(`.field-${name}`) || field.parentElement);
      if (row) row.hidden = hidden;
    }
  };

  const apply = (root) => {
    for (const chosen of root.querySelectorAll("[data-outlet-platform]")) {
      if (!chosen.dataset.outletFields) continue;
      const kinds = JSON.parse(chosen.dataset.outletFields);
      const has = kinds[chosen.value] || [];
      const without = [...new Set(Object.values(kinds).flat())].filter((name) => !has.includes(name));
      show(chosen.form, has, false);
      show(chosen.form, without, true);
      for (const name of without) {
        const field = chosen.form.elements[name];
        if (field && field.tagName !== "SELECT") field.value = "";
      }
    }
    for (const chosen of root.querySelectorAll("[data-outlet-method]")) {
      show(chosen.form, GET_HAS_NO, chosen.value === "GET");
    }
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-outlet-platform], [data-outlet-method]")) apply(event.target.form);
  });
  document.addEventListener("tocsin:shown", (event) => apply(event.target));
  document.addEventListener("DOMContentLoaded", () => apply(document));
  if (document.readyState !== "loading") apply(document);
})();
