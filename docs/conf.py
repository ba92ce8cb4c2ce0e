"""Sphinx's configuration: ``.venv/bin/python -m sphinx -W -b html docs build/docs``."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

project = "Headwater"
version = release = version_of("headwater")
html_title = f"{project} {release}"
extensions = ["myst_parser", "docs._reference"]
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"description": "Recommendations, fresh for every request", "page_width": "70rem"}
html_show_copyright = False
