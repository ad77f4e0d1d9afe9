"""How Sphinx makes a site of these pages (`make docs`), the reference of Python from the code's docstrings."""

import re
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from sphinx.application import Sphinx

project = "rgbir"
html_title = "rgbir"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
highlight_language = "text"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"  # what docstrings have between backticks
autodoc_member_order = "bysource"
autodoc_default_options = {"undoc-members": True, "exclude-members": "model_config"}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries = False

_TITLED = re.compile(r'^```(\w+) title="([^"]*)"$', re.MULTILINE)
_DRAWN = ("├", "│", "└")
_COLON = "\ue000"


def caption(app: Sphinx, page: str, source: list[str]) -> None:
    """Shows the title of a block of code as its caption."""
    source[0] = _TITLED.sub(r"```{code-block} \1\n:caption: \2\n", source[0])


def spare(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Hides a colon from napoleon, which takes the words before it for the type of an attribute."""
    if what in ("attribute", "property") and lines:
        lines[0] = lines[0].replace(":", _COLON)


def describe(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Tells what a model's fields are, as its parameters, and keeps a drawn tree of errors as it is."""
    lines[:] = [line.replace(_COLON, ":") for line in lines]
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        fields = {name: field.description for name, field in thing.model_fields.items() if field.description}
        lines += ["", *(f":param {name}: {description}" for name, description in fields.items())]
    elif isinstance(thing, type) and thing.__module__.startswith("rgbir."):
        hints = get_type_hints(thing, include_extras=True) if "__annotations__" in vars(thing) else {}
        options = {
            name: getattr(get_args(hint)[-1], "description", None) for name, hint in hints.items() if get_args(hint)
        }
        lines += ["", *(f":param {name}: {words}" for name, words in options.items() if isinstance(words, str))]
    drawn = [number for number, line in enumerate(lines) if line.startswith(_DRAWN)]
    if drawn:
        first, last = drawn[0] - 1, drawn[-1] + 1
        lines[first:last] = ["::", "", *(f"    {line}" for line in lines[first:last]), ""]


def setup(app: Sphinx) -> None:
    app.connect("source-read", caption)
    app.connect("autodoc-process-docstring", spare, priority=400)
    app.connect("autodoc-process-docstring", describe)
