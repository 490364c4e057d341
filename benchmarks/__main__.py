"""`python -m benchmarks [name ...]`: runs every module of this folder that has a `main()`, or those named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def run(names: list[str]) -> None:
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name.startswith("_") or (names and module.name not in names):
            continue
        main = getattr(importlib.import_module(f"benchmarks.{module.name}"), "main", None)
        if main is not None:
            print(f"\n{module.name}", flush=True)
            main()


if __name__ == "__main__":
    run(sys.argv[1:])
