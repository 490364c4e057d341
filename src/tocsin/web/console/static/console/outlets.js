// Forms of robots and webhooks: fields that a platform or a method has not are not shown. The server refuses them anyway.
(() => {
  const WITHOUT = { wecom: ["secret", "keyword"] };
  const GET_HAS_NO = ["body", "recovery_body"];

  const rowOf = (name) => {
    const field = document.getElementById(`id_${name}`);
    return field && (field.closest(".field-line") || field.closest(`.field-${name}`) || field.parentElement);
  };

  const show = (names, hidden) => {
    for (const name of names) {
      const row = rowOf(name);
      if (!row) continue;
      row.hidden = hidden;
      const field = document.getElementById(`id_${name}`);
      if (hidden) field.value = "";
    }
  };

  const apply = () => {
    const platform = document.querySelector("[data-outlet-platform]");
    if (platform) show(["secret", "keyword"], Boolean(WITHOUT[platform.value]));
    const method = document.querySelector("[data-outlet-method]");
    if (method) for (const name of GET_HAS_NO) rowOf(name) && (rowOf(name).hidden = method.value === "GET");
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-outlet-platform], [data-outlet-method]")) apply();
  });
  new MutationObserver(apply).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", apply);
  apply();
})();
