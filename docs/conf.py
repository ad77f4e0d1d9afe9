"""How Sphinx makes a site of these pages (`make docs`), the reference of Python from the code's docstrings."""

import re
import sys
from typing import Any

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
default_role = "code"  # what docstrings have between backticks
autodoc_member_order = "bysource"
autodoc_default_options = {"undoc-members": True, "exclude-members": "model_config"}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False
toc_object_entries = False

_TITLED = re.compile(r'^```(\w+) title="([^"]*)"$', re.MULTILINE)
_DRAWN = ("├", "│", "└")


def caption(app: Sphinx, page: str, source: list[str]) -> None:
    """Shows the title of a block of code as its caption."""
    source[0] = _TITLED.sub(r"```{code-block} \1\n:caption: \2\n", source[0])


def describe(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Says of a model's field what its description says, and keeps a drawn tree of errors as it is."""
    module, _, path = name.rpartition(".")[0].rpartition(".")
    model = getattr(sys.modules.get(module), path, None)
    if what == "attribute" and isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(name.rpartition(".")[2])
        lines[:] = [field.description] if field and field.description else lines
    drawn = [number for number, line in enumerate(lines) if line.startswith(_DRAWN)]
    if drawn:
        first, last = drawn[0] - 1, drawn[-1] + 1
        lines[first:last] = ["::", "", *(f"    {line}" for line in lines[first:last]), ""]


def setup(app: Sphinx) -> None:
    app.connect("source-read", caption)
    app.connect("autodoc-process-docstring", describe)
