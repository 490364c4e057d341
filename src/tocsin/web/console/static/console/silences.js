"use strict";

// The form of a silence policy shows the times that its kind has. The server ignores the others anyway.
(() => {
  const NEEDS = { starts_at: ["period"], ends_at: ["period"], windows: ["daily", "weekly"], time_zone: ["daily", "weekly"] };

  const rowOf = (form, name) => {
    const field = form.querySelector(`[name="${name}"], [name^="${name}-"]`);
    return field && (field.closest(".field-line") || field.closest(`.field-${name}`) || field.closest(".form-row"));
  };

  const apply = (root) => {
    for (const chosen of root.querySelectorAll("[data-silence-effect]:checked, [data-silence-effect] input:checked")) {
      const form = chosen.form;
      for (const [name, effects] of Object.entries(NEEDS)) {
        const row = rowOf(form, name);
        if (row) row.hidden = !effects.includes(chosen.value);
      }
      for (const day of form.querySelectorAll("[data-window-day]")) day.hidden = chosen.value !== "weekly";
    }
  };

  document.addEventListener("change", (event) => {
    if (event.target.name === "effect") apply(event.target.form);
  });
  document.addEventListener("tocsin:shown", (event) => apply(event.target));
  document.addEventListener("DOMContentLoaded", () => apply(document));
  if (document.readyState !== "loading") apply(document);
})();
