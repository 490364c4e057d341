"""Documents and code state the same facts. What a test finds is changed where it is wrong."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin import __version__
from tocsin.accounts.rules import Role
from tocsin.channels.registry import PROVIDERS
from tocsin.cli.groups import GROUPS
from tocsin.config.environment import FACES
from tocsin.delivery.rules import DeliveryState, Reason

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tocsin"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_in(text: str) -> Iterator[str]:
    """What stands in code blocks, line by line, and in back quotes."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    for block in blocks:
        yield from block.splitlines()
    yield from re.findall(r"`([^`]+)`", re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE))


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first heading is this one."""
    lines = (ROOT / page).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split(" | ")])
    return rows


def source_text(*folders: str) -> str:
    return "\n".join(path.read_text() for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]

    missing = [target for target in local if not (page.parent / target).exists()]

    assert not missing


def test_every_picture_is_shown_and_every_scene_has_one() -> None:
    shown = re.compile(r"\]\((?:\.\./|docs/)*images/([^)\s]+)\)")
    named = {image for page in PAGES for image in shown.findall(page.read_text())}
    scenes = set(re.findall(r'^@scene\(\s*"([\w-]+)"', (ROOT / "demo/pictures/scenes.py").read_text(), re.MULTILINE))

    taken = {path.name for path in (ROOT / "docs" / "images").glob("*")}

    assert taken == named == {f"{name}.png" for name in scenes}, "Run `make screenshots`, or name the picture in a page"


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").glob("*")}

    assert {name: size for name, size in sizes.items() if size > 120_000} == {}
    assert sum(sizes.values()) < 2_000_000


def test_every_page_can_be_found_from_the_readme() -> None:
    waiting, seen = [ROOT / "README.md"], set[Path]()
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        targets = re.findall(r"\]\(([^)\s#]+)\)", page.read_text())
        for target in (target for target in targets if ":" not in target):
            path = (page.parent / target).resolve()
            waiting.append(path / "README.md" if path.is_dir() else path)

    assert {str(page.relative_to(ROOT)) for page in PAGES if page not in seen} == set()


@every_page
def test_commands_exist(page: Path) -> None:
    wrong = []
    for code in code_in(page.read_text()):
        for name, word in re.findall(r"(?:^|[\s/])tocsin ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", code):
            if name not in GROUPS:
                wrong.append(f"tocsin {name}")
                continue
            app = importlib.import_module(GROUPS[name].module).app
            commands = {command for command in app if not command.startswith("-")}
            if commands and word not in commands and app.default_command is None:
                wrong.append(f"tocsin {name} {word}: there are {', '.join(sorted(commands))}")

    assert not wrong


@every_page
def test_options_exist(page: Path) -> None:
    """Of each command that a page shows, whether in a block or in a sentence."""
    wrong = []
    for code in code_in(page.read_text().replace("\\\n", " ")):
        for name, rest in re.findall(r"(?:^|[\s/(])tocsin ([a-z][a-z-]+)([^|;#&\n]*)", code):
            if name not in GROUPS:
                continue
            app = importlib.import_module(GROUPS[name].module).app
            word = (rest.split() or [""])[0]
            command = app.resolved_commands().get(word, app)
            typed = set(
                re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)(?=[\s=\])]|$)", re.sub(r"'[^']*'|\"[^\"]*\"", "", rest))
            )
            if typed - {"--help"}:
                known = {option for argument in command.assemble_argument_collection() for option in argument.names}
                wrong += [f"tocsin {name} {word}: {option}" for option in sorted(typed - known - {"--help"})]

    assert not wrong


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {target for code in code_in(page.read_text()) for target in re.findall(r"\bmake ([a-z-]+)", code)}

    assert named <= targets


def test_the_readme_starts_with_two_commands_and_the_second_is_what_ci_runs() -> None:
    quick_start = (ROOT / "README.md").read_text().partition("## Quick start")[2]

    block = re.search(r"```sh\n(.*?)```", quick_start, re.DOTALL)

    assert block is not None
    assert [line.partition("#")[0].strip() for line in block[1].splitlines()] == ["make demo", "make test"]
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@every_page
def test_settings_exist(page: Path) -> None:
    known = set(re.findall(r"TOCSIN_[A-Z0-9_]+", source_text("src", "demo", "benchmarks")))

    assert set(re.findall(r"\bTOCSIN_[A-Z0-9_]*[A-Z0-9]", page.read_text())) <= known


@every_page
def test_switches_are_written_as_they_are_read(page: Path) -> None:
    switches = set(re.findall(r'switch\("(TOCSIN_\w+)"\)', source_text("src/tocsin/config")))

    written = [pair for code in code_in(page.read_text()) for pair in re.findall(r"\b(TOCSIN_\w+)=(\w+)", code)]

    assert switches
    assert [(name, value) for name, value in written if name in switches and value not in ("0", "1")] == []


def test_every_setting_has_a_row() -> None:
    read = set(re.findall(r"\"(TOCSIN_[A-Z0-9_]*[A-Z0-9])\"", source_text("src/tocsin/config")))

    rows = {row[0].strip("`") for row in rows_of("docs/operate/settings.md", "variable")}

    assert {"TOCSIN_PUBLIC_URL", "TOCSIN_OIDC_ISSUER"} <= read
    assert read - rows == set()


def test_every_provider_has_a_row() -> None:
    rows = rows_of("docs/providers.md", "provider")

    assert {row[0].strip("`"): row[1] for row in rows} == {name: kind.channel.value for name, kind in PROVIDERS.items()}


def test_every_event_of_the_auditor_has_a_row() -> None:
    raised = re.findall(r'"(Tocsin[A-Z]\w+)"', (SOURCE / "delivery" / "auditor.py").read_text())

    rows = rows_of("docs/operate/what-can-go-wrong.md", "alertname")

    assert sorted({row[0].strip("`") for row in rows}) == sorted(set(raised))


def test_reasons_that_operators_read_about_exist() -> None:
    rows = rows_of("docs/operate/what-can-go-wrong.md", "the timeline or *Explain* says")

    named = {word for row in rows for word in re.findall(r"`([a-z]+_?[a-z_]*)`", row[0])}

    assert named
    assert named <= {reason.value for reason in Reason} | {state.value for state in DeliveryState}


def test_every_role_and_every_face_has_a_row() -> None:
    assert [row[0] for row in rows_of("docs/operate/security.md", "role")] == [role.value for role in Role]
    assert [row[0].strip("`") for row in rows_of("docs/operate/running.md", "face")] == list(FACES)


@every_page
def test_metrics_exist(page: Path) -> None:
    families = set(re.findall(r'"(tocsin_[a-z0-9_]+)"', source_text("src/tocsin/web/operator")))

    named = {name for code in code_in(page.read_text()) for name in re.findall(r"\btocsin_[a-z0-9_]+[a-z0-9]", code)}

    assert named <= families


def test_every_check_of_doctor_has_a_row() -> None:
    said = "\n".join((SOURCE / name).read_text() for name in ("cli/doctor.py", "config/checks.py"))
    names = [*re.findall(r'Finding\(\s*f?"([^"]+)"', said), *re.findall(r'failed\("([^"]+)"', said)]

    rows = {row[0].strip("`") for row in rows_of("docs/operate/running.md", "check")}

    assert rows == {re.sub(r"\{\w+\}", "...", name) for name in names}


def test_every_metric_has_a_row() -> None:
    families = set(re.findall(r'"(tocsin_[a-z0-9_]+)"', source_text("src/tocsin/web/operator")))

    named = {name for row in rows_of("docs/operate/monitoring.md", "metric") for name in re.findall(r"`(\w+)`", row[0])}

    assert named == families


@every_page
def test_paths_of_this_repository_exist(page: Path) -> None:
    """Those in back quotes that begin with one of its folders; `<name>` stands for any."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    quoted = re.findall(r"`([\w.<>/-]+/[\w.<>/-]*)`", page.read_text())
    paths = [path for path in quoted if path.partition("/")[0] in folders]

    assert [path for path in paths if not list(ROOT.glob(re.sub(r"<\w+>", "*", path.rstrip("/"))))] == []


def test_the_architecture_names_what_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]

    paths = [code for code in code_in(text) if re.fullmatch(r"[\w/]+\.py", code) and "/" in code]
    missing = [path for path in paths if not list(SOURCE.rglob(path)) and not (ROOT / path).exists()]

    assert not missing
    assert [row[0].strip("`/") for row in rows_of("ARCHITECTURE.md", "under `src/tocsin/`")] == [
        layer.strip("()") for layer in layers
    ]


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"

    listed = re.findall(r"\[(\d{4})\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())

    assert [name for _number, name in listed] == sorted(path.name for path in folder.glob("0*.md"))
    assert all(name.startswith(number) for number, name in listed)
    titles = {name: (folder / name).read_text().partition("\n")[0] for _number, name in listed}
    assert all(title.startswith(f"# {name[:4]}: ") for name, title in titles.items())


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    newest = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert {project["version"], newest[1], __version__} == {project["version"]}


def test_no_path_of_one_machine_is_in_any_file() -> None:
    # /home/ada is nobody's: an example
    private = re.compile(rf"(?<![\w.])/(?:home/(?!ada\b)|root/|Users/|work/)[\w.]+|/tmp/[a-z]/|{re.escape(str(ROOT))}")
    folders = ("src", "tests", "docs", "demo", "simulators", "benchmarks", "tools", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    binary = (".pyc", ".mo", ".png", ".woff2")
    read = [path for path in files if path.suffix not in binary and path != Path(__file__)]

    found = {
        str(path.relative_to(ROOT)): matches
        for path in read
        if (matches := private.findall(path.read_text(errors="replace")))
    }

    assert found == {}
