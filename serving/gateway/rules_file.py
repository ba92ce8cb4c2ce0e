"""The business rules in force: one file, read again when it changes. One that breaks the schema changes nothing."""

import logging
from pathlib import Path

from contracts.errors import InvalidInputError
from pipeline.rules.schema import Rules, default_rules, parse_rules

log = logging.getLogger(__name__)

RULES = "rules.yaml"
"""The file of the rules in force, under the home of the installation."""


class RulesFile:
    """The rules in ``path``; the product's own where there is no such file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modified = 0
        self._rules = default_rules()

    def named(self, name: str) -> Rules:
        """The rules in force for "", else those of ``rules/<name>.yaml`` beside the file (an arm's). Where that file is
        missing or wrong, the rules in force."""
        if not name:
            return self.read()
        path = self._path.parent / "rules" / f"{Path(name).name}.yaml"
        try:
            return parse_rules(path.read_text())
        except (InvalidInputError, OSError, UnicodeDecodeError) as error:
            log.warning("the arm's rules %s cannot be used: %s", name, error)
            return self.read()

    def read(self) -> Rules:
        """The rules as they stand now."""
        try:
            modified = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            if self._modified:
                self._modified, self._rules = 0, default_rules()
            return self._rules
        if modified != self._modified:
            self._modified = modified
            try:
                self._rules = parse_rules(self._path.read_text())
                log.info("rules of %s are in force", self._path)
            except (InvalidInputError, OSError, UnicodeDecodeError) as error:
                log.warning("the rules stay as they were: %s", error)
        return self._rules
