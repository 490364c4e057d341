/* What unfold's templates leave out for whoever uses a keyboard or listens: its click targets that are neither links
   nor buttons become buttons, and the names of icons are kept from being read aloud. */

(() => {
  const CLICKED = ":is(a:not([href]), span, div, td, h2, h3)[x-on\\:click]";

  const name = (target) => {
    if (target.getAttribute("aria-label") || target.title) return;
    const words = [...target.childNodes].some((node) => node.textContent.trim() && !node.matches?.(".material-symbols-outlined"));
    if (!words && target.dataset.label) target.setAttribute("aria-label", target.dataset.label);
  };

  const improve = (root) => {
    for (const icon of root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
      if (!icon.matches("[x-on\\:click], a, button")) icon.setAttribute("aria-hidden", "true");
      icon.setAttribute("translate", "no");
    }
    for (const target of root.querySelectorAll(CLICKED)) {
      if (target.hasAttribute("role") || target.querySelector("a[href], button, input, select")) continue;
      target.setAttribute("role", "button");
      target.tabIndex = 0;
      name(target);
      target.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        target.click();
      });
    }
  };

  // Unfold looks at the system's light or dark once; a system that changes in the evening is followed here.
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (system) => {
    if (!["\"light\"", "\"dark\""].includes(localStorage.getItem("adminTheme"))) {
      document.documentElement.classList.toggle("dark", system.matches);
    }
  });

  // What polls is replaced as a whole, which nothing reads aloud; of its marked parts, what has changed is said here.
  const SAID = "[data-say], #delivery-live .field-shown_state";
  const said = document.createElement("p");
  const words = () => [...document.querySelectorAll(SAID)].map((part) => part.textContent.trim().replace(/\s+/g, " ")).join(". ");
  let before = "";
  const say = () => {
    const now = words();
    if (now && now !== before) said.textContent = now;
    before = now;
  };

  document.addEventListener("DOMContentLoaded", () => {
    improve(document);
    said.className = "tc-hidden";
    said.setAttribute("role", "status");
    document.body.append(said);
    before = words();
    let isDue = false;
    new MutationObserver(() => {
      if (isDue) return;
      isDue = true;
      setTimeout(() => { isDue = false; improve(document); say(); }, 50);
    }).observe(document.body, {childList: true, subtree: true});
  });
})();
