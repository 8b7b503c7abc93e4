"""Fill templates: pages, as single files with style and scripts inside, and the methods text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strokeprep.quality.judgement import worst
from strokeprep.settings.limits import FAIL, NONE, WARN

if TYPE_CHECKING:  # loaded when a page is written, not when the workflow is parsed
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **content: Any) -> str:
    """A template filled with its content, which is escaped in HTML."""
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"FAIL": FAIL, "WARN": WARN, "NONE": NONE}
    made.filters |= {"breakable": _breakable, "of_verdict": _count, "short": _short, "worst": worst}
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return made


def _short(value: float) -> str:
    return f"{value:.4g}"


def _count(judged: Iterable[Any], verdict: str) -> int:
    """How many of some figures or subjects got a verdict."""
    return sum(each.verdict == verdict for each in judged)


def _breakable(name: str) -> Markup:
    """A long name that may be broken after each underscore."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))
