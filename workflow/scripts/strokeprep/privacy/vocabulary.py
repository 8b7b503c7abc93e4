"""Add the words of the library's texts to the list of words that identify nobody.

Everything the workflow writes is made of these words. One of them in an input is no private word:
finding it in an output would tell nothing. The list is a file, so that an edit to a comment does
not change what the audit finds. Run ``strokeprep vocabulary`` after writing a new message or page.
"""

from __future__ import annotations

import argparse
import ast
import re
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("vocabulary.txt")
LIBRARY = Path(__file__).parents[1]
PATTERNS = Path(__file__).with_name("shapes.py")  # words that are looked for, and never written
TEMPLATES = (".bib", ".css", ".html", ".js", ".tpl")
SHORTEST_WORD = 4  # letters; shorter words occur everywhere and identify nobody
WORD = re.compile(rf"[^\W\d_]{{{SHORTEST_WORD},}}")


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.casefold() for word in WORD.findall(text)]


@cache
def vocabulary() -> frozenset[str]:
    """The listed words."""
    return frozenset(LIST.read_text(encoding="utf-8").split())


def words_of_library() -> set[str]:
    """The words of the library's string constants and templates."""
    found = (path for path in LIBRARY.rglob("*") if path.suffix in (".py", *TEMPLATES))
    files = (path for path in found if path != PATTERNS)
    contents = ((path.suffix, path.read_text(encoding="utf-8")) for path in files)
    texts = (_strings(text) if suffix == ".py" else text for suffix, text in contents)
    return {word for text in texts for word in words_of(text)}


def _strings(source: str) -> str:
    """The string constants of a Python module without its docstrings, a line each."""
    tree = ast.parse(source)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in statements
    )


def main() -> int:
    """Rewrite the list with the words of the library added."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    words = sorted(vocabulary() | words_of_library())
    LIST.write_text("\n".join(words) + "\n", encoding="utf-8")
    return 0
