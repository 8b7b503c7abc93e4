"""The packages of the library, and which of them may import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow/scripts/strokeprep"

# Bottom first. A package imports those above it in this list, and never those below.
PACKAGES = (
    "errors",
    "kinds",
    "settings",
    "io",
    "drawing",
    "registration",
    "series",
    "phantom",
    "study",
    "segmentation",
    "perfusion",
    "intensity",
    "lesions",
    "gate",
    "corrections",
    "clinical",
    "bids",
    "quality",
    "privacy",
    "metrics",
    "accuracy",
    "steps",
    "release",
    "run",
    "report",
    "cohort",
    "review",
    "intake",
    "guide",
    "editing",
    "command",
)
MOST_MODULES = 10
MOST_LINES = 400
LARGE: dict[str, str] = {}  # longer modules, each with the reason why it is not split


def modules() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(LIBRARY).with_suffix("").parts[0]


def imported(path: Path) -> Iterator[str]:
    """The full names of everything that a module imports from the library."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}:{node.lineno} is a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_has_its_place():
    assert {package_of(path) for path in modules()} - {"__init__"} == set(PACKAGES)


def test_packages_import_downwards_only():
    upwards = [
        f"{path.relative_to(LIBRARY)} imports {name}"
        for path in modules()
        for name in imported(path)
        if name.startswith("strokeprep.")
        and (found := name.split(".")[1]) != (own := package_of(path))
        and own != "__init__"
        and PACKAGES.index(found) > PACKAGES.index(own)
    ]
    assert upwards == []


def test_modules_of_a_package_do_not_import_in_circles():
    names = {name_of(path): path for path in modules()}
    below = {
        name: {
            found for each in imported(path) if (found := known(each, names)) not in (None, name)
        }
        for name, path in names.items()
    }
    while free := [name for name, needs in below.items() if not needs & set(below)]:
        for name in free:
            del below[name]
    assert sorted(below) == []


def name_of(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def known(name: str, names: dict[str, Path]) -> str | None:
    """The module that an imported name stands for, or lies in."""
    return next((each for each in (name, name.rpartition(".")[0]) if each in names), None)


def test_only_the_run_knows_snakemake():
    knowing = {
        package_of(path)
        for path in modules()
        for name in imported(path)
        if name.split(".")[0] == "snakemake"
    }
    assert knowing <= {"run"}


def test_only_scripts_of_rules_run_as_a_job():
    using = [
        path.relative_to(LIBRARY).as_posix()
        for path in modules()
        for name in imported(path)
        if name.startswith("strokeprep.run.job")
    ]
    assert using == []


def test_a_package_holds_few_modules():
    folders = {path.parent for path in modules()} - {LIBRARY}
    crowded = {
        folder.relative_to(LIBRARY).as_posix(): count
        for folder in folders
        if (count := len([p for p in folder.glob("*.py") if p.name != "__init__.py"]))
        > MOST_MODULES
    }
    assert crowded == {}


def test_the_page_on_the_architecture_names_every_package():
    page = (LIBRARY.parents[2] / "docs/architecture.md").read_text()
    folders = [path.parent.name for path in LIBRARY.glob("*/__init__.py")]
    assert [name for name in folders if f"| `{name}` |" not in page] == []


def test_a_module_is_short_unless_there_is_a_reason():
    lengths = {
        path.relative_to(LIBRARY).as_posix(): len(path.read_text().splitlines())
        for path in modules()
    }
    large = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert large.keys() <= LARGE.keys(), large
