"""All code of the library is used by the workflow, a command or a benchmark, not only by tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import vulture

REPOSITORY = Path(__file__).parents[2]
# Names that code outside of the Python files uses, each with the user.
USED_ELSEWHERE = {
    **dict.fromkeys(("t2", "flair", "t2star"), "strings in phantom/scan/contrast.py"),
    "face_by_parts": "a string in settings/backends.py",
    "globals": "jinja2",
    "filters": "jinja2",
    **dict.fromkeys(("do_GET", "do_POST", "log_message", "timeout"), "http.server"),
    **dict.fromkeys(("server_version", "sys_version", "close_connection"), "http.server"),
    "daemon_threads": "socketserver",
    "ignore_aliases": "PyYAML",
    "reading_validation_mode": "pydicom",
    "task_id": "TotalSegmentator, which calls the function with this argument",
}


def words_of_rules_and_templates() -> set[str]:
    files = [REPOSITORY / "Snakefile", REPOSITORY / "workflow/Snakefile"]
    for kind in ("smk", "html", "tpl"):
        files += (REPOSITORY / "workflow").rglob(f"*.{kind}")
    return {word for path in files for word in re.findall(r"\w+", path.read_text())}


@pytest.mark.slow
def test_nothing_is_dead():
    search = vulture.Vulture()
    search.scavenge([REPOSITORY / "workflow/scripts", REPOSITORY / "benchmarks"])
    used = words_of_rules_and_templates() | USED_ELSEWHERE.keys()
    dead = [
        f"{item.filename}:{item.first_lineno}: {item.typ} {item.name}"
        for item in search.get_unused_code(min_confidence=60)
        if item.name not in used
    ]
    assert dead == []
