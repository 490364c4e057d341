"""Windows of the browser: each as patient as the people who look into it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext

_WAITS_FOR_SCRIPTS = """(() => {
  const waits = new CSSStyleSheet();
  waits.replaceSync("html { pointer-events: none }");
  document.adoptedStyleSheets = [waits];
  window.addEventListener("DOMContentLoaded", () => { document.adoptedStyleSheets = []; });
})()"""
"""A page is seen while it is still being read, and a link that its script makes a dialog of is a plain one until then.
Nobody clicks so soon but a test: of a page whose scripts have not begun, nothing can be clicked."""


def window(browser: Browser, **options: Any) -> BrowserContext:
    """A context of its own; options as `Browser.new_context` takes them."""
    context = browser.new_context(**options)
    if options.get("java_script_enabled", True):
        context.add_init_script(_WAITS_FOR_SCRIPTS)
    return context
