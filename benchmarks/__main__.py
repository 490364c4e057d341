"""`python -m benchmarks [--write PAGE] [name ...]`: runs every benchmark, or those named, and shows what it found."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import contact_import, contacts, fanout, ingest, latency, policies, storm, texts
from benchmarks.figures import Figure, known, page, with_earlier

BENCHMARKS = {
    "ingest": ingest.main,
    "latency": latency.main,
    "fanout": fanout.main,
    "texts": texts.main,
    "policies": policies.main,
    "import": contact_import.main,
    "contacts": contacts.main,
    "storm": storm.main,
}


def run() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the figures as Markdown")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    for name in arguments.names or BENCHMARKS:
        print(f"\n{name}", flush=True)
        figures += BENCHMARKS[name]()
    if arguments.write:
        earlier = known(arguments.write.read_text()) if arguments.names and arguments.write.exists() else []
        arguments.write.write_text(page(with_earlier(figures, earlier)))


if __name__ == "__main__":
    run()
