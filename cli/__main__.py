"""``python -m cli``: the command ``headwater`` of this very environment."""

from cli.main import app

app(prog_name="headwater")
