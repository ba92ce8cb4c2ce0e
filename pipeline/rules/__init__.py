"""Business rules as data: one YAML file says what may be shown and how the ranked list is mixed."""

from pipeline.rules.bound import BoundRules
from pipeline.rules.schema import Rules, default_rules, parse_rules
from pipeline.rules.selection import Selection, select

__all__ = ["BoundRules", "Rules", "Selection", "default_rules", "parse_rules", "select"]
