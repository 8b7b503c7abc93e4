"""The files that are made from the settings are current, and the command says so."""

from __future__ import annotations

import yaml
from strokeprep.settings import config, docs, faults


def test_the_schema_and_the_readme_are_made_from_the_settings():
    for name, text in docs.files().items():
        now = (docs.CHECKOUT / name).read_text(encoding="utf-8")
        assert now == text, f"{name} is not current: {docs.COMMAND}"


def test_the_schema_file_says_what_a_config_is_checked_against():
    text = (docs.CHECKOUT / docs.SCHEMA).read_text(encoding="utf-8")
    assert yaml.safe_load(text) == config.schema()
    assert docs.COMMAND in text.splitlines()[0]


def test_every_key_has_its_row_in_the_readme():
    rows = (docs.CHECKOUT / docs.README).read_text(encoding="utf-8").splitlines()
    keys = [row.split("`")[1] for row in rows if row.startswith("| `") and " | " in row]
    sections = {path.rpartition(".")[0] for path in faults.key_paths(config.schema())}
    free = ("study.patterns.", "models.sha256.")
    for path in faults.key_paths(config.schema()):
        assert path in keys or path in sections or path.startswith(free), path


def test_a_file_that_is_not_current_is_named(tmp_path, monkeypatch, capsys):
    made = docs.files()
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(docs, "CHECKOUT", tmp_path)
    monkeypatch.setattr("sys.argv", ["settings"])
    assert docs.main() == 0
    (tmp_path / docs.SCHEMA).write_text("stale")
    assert docs.main() == 1
    assert capsys.readouterr().out == f"{docs.SCHEMA} is not current: {docs.COMMAND}\n"
    monkeypatch.setattr("sys.argv", ["settings", "--write"])
    assert docs.main() == 0
    assert (tmp_path / docs.SCHEMA).read_text() == made[docs.SCHEMA]
