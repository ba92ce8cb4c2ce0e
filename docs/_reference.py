"""The reference pages, made from the code whenever the site is built: a Sphinx extension."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from inspect import cleandoc
from typing import Any, Final

from fastapi.routing import APIRoute
from prometheus_client.metrics import MetricWrapperBase
from sphinx.application import Sphinx

from cli.main import VERBS, load
from contracts.settings import PORT_OFFSETS, Settings
from contracts.topics import DAY_MS, TOPICS
from feature_repo.online import VIEWS
from lake.tables import TABLES
from serving.gateway import app, metrics
from serving.gateway.access import Allowed
from serving.gateway.configuration import Configuration
from serving.gateway.documentation import ERRORS
from serving.gateway.problems import MEDIA_TYPE
from serving.gateway.service import Gateway
from streaming.consumer.metrics import ConsumerMetrics


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table."""
    for row in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def prose(text: str | None) -> str:
    """A docstring or description as Markdown: what is not code means itself."""
    return re.sub(r"(`+.+?`+)|([<*])", lambda found: found[1] or f"\\{found[2]}", cleandoc(text or ""))


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def settings() -> Iterator[str]:
    """Every setting."""
    declared = Settings.model_json_schema()["properties"]
    rows = []
    for name, one in declared.items():
        default = f"HEADWATER_PORT_BASE + {PORT_OFFSETS[name]}" if name in PORT_OFFSETS else code(plain(one["default"]))
        rows.append((code(f"HEADWATER_{name.upper()}"), default, allowed(one), prose(one.get("description"))))
    yield from table(["variable", "default", "allowed", "what it is"], rows)


def plain(value: object) -> str:
    """A default as the environment would have it; nothing for an empty one."""
    text = str(value)
    return text.lower() if isinstance(value, bool) else "" if text == "." else text


def allowed(schema: dict[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {schema[name]}" for name, sign in bounds.items() if name in schema)


def command() -> Iterator[str]:
    """Every verb of ``headwater``, with its arguments and options."""
    for name, verb in VERBS.items():
        yield from _verb(f"headwater {name}", load(name, verb), "##")


def _verb(path: str, verb: Any, level: str) -> Iterator[str]:
    shown = [one for one in verb.params if one.name not in ("help", "install_completion", "show_completion")]
    usage = [one.make_metavar(None) if one.param_type_name == "argument" else "" for one in shown]
    yield f"{level} `{' '.join([path, *filter(None, usage)])}`\n"
    yield prose(verb.help) + "\n"
    if shown:
        yield from table(["argument or option", "default", "what it is"], map(_parameter, shown))
    for name, inner in getattr(verb, "commands", {}).items():
        yield from _verb(f"{path} {name}", inner, level + "#")


def _parameter(one: Any) -> tuple[str, str, str]:
    name = ", ".join(map(code, one.opts)) if one.param_type_name == "option" else code(one.human_readable_name)
    default = "required" if one.required else "" if one.default in (None, False) else code(one.default)
    return name, default, prose(one.help)


def lake() -> Iterator[str]:
    """Every table of the lake and every topic."""
    for name, one in TABLES.items():
        yield f"## {name}\n"
        yield prose(one.row.__doc__) + "\n"
        layout = "A partition a UTC day. " if one.partitioned else ""
        yield f"{layout}A row is known by {', '.join(map(code, one.key))}.\n"
        rows = ((code(field.name), code(field.type), "may be null" if field.nullable else "") for field in one.schema)
        yield from table(["column", "type", ""], rows)
    yield "## Topics\n"
    yield "Names on the broker begin with the setting `HEADWATER_TOPIC_PREFIX`.\n"
    kept = {True: "the newest message of each key", False: "{} days"}
    rows = (
        (code(one.name), str(one.partitions), kept[one.compacted].format(one.retention_ms // DAY_MS)) for one in TOPICS
    )
    yield from table(["topic", "partitions", "kept"], rows)


def features() -> Iterator[str]:
    """Every view of the online store."""
    for view in VIEWS.values():
        yield f"## {view.name}\n"
        yield f"Kept by {', '.join(map(code, view.join_keys))}.\n"
        yield from table(
            ["feature", "type", "what it is"], ((code(f.name), code(f.type), prose(f.meaning)) for f in view.fields)
        )


def figures() -> Iterator[str]:
    """Every figure that Prometheus scrapes from our own programs."""
    for program, found in (("gateway", metrics), ("consumer", ConsumerMetrics())):
        yield f"## The {program}'s\n"
        rows = []
        for one in vars(found).values():
            if isinstance(one, MetricWrapperBase):
                (family,) = one.describe()
                name = f"{family.name}_total" if family.type == "counter" else family.name
                # The library gives a metric's labels no public name.
                rows.append((code(name), family.type, ", ".join(map(code, one._labelnames)), prose(one._documentation)))
        yield from table(["name", "type", "labels", "what it is"], rows)


def http() -> Iterator[str]:
    """Every route of the gateway with its embedded issuer, and every model."""
    gateway = app.create(Gateway(replace(Configuration.of(Settings()), embedded_issuer=True)))
    document = gateway.openapi()
    for route in gateway.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in sorted(route.methods):
                yield from _operation(route, method, document["paths"][route.path_format][method.lower()])
    yield "## Errors\n"
    yield from table(["status", "means"], ((str(status), prose(one["description"])) for status, one in ERRORS.items()))
    yield "## Models\n"
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}\n"
        yield prose(schema.get("description")) + "\n"
        if "enum" in schema:
            yield f"One of {', '.join(map(code, schema['enum']))}.\n"
        needed = schema.get("required", [])
        rows = [
            (code(field), shape(one), "required" if field in needed else "", prose(one.get("description")))
            for field, one in schema.get("properties", {}).items()
        ]
        if rows:
            yield from table(["field", "type", "", "what it is"], rows)


def _operation(route: APIRoute, method: str, operation: dict[str, Any]) -> Iterator[str]:
    scopes = [one.call.scope for one in route.dependant.dependencies if isinstance(one.call, Allowed)]
    yield f"## `{method} {route.path_format}`\n"
    yield prose(operation.get("description")) + "\n"
    yield (f"Needs a token of scope {code(scopes[0])}." if scopes else "Needs no token.") + "\n"
    parameters = [
        (code(one["name"]), one["in"], shape(one["schema"]), "required" if one["required"] else "",
         prose(one.get("description")))
        for one in operation.get("parameters", [])
    ]  # fmt: skip
    if parameters:
        yield from table(["parameter", "in", "type", "", "what it is"], parameters)
    body = operation.get("requestBody", {}).get("content", {})
    answers = [(f"body, {code(kind)}", shape(one["schema"])) for kind, one in body.items()]
    for status, answer in operation["responses"].items():
        if MEDIA_TYPE not in answer.get("content", {}):
            models = [shape(one["schema"]) for one in answer.get("content", {}).values()]
            answers.append((status, "; ".join([*models, prose(answer["description"])])))
    yield from table(["in and out", "model"], answers)


def shape(schema: dict[str, Any]) -> str:
    """The type that a JSON schema declares, in words."""
    if "$ref" in schema:
        return code(schema["$ref"].rpartition("/")[2])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(shape, choices))
    if schema.get("type") == "array":
        return f"list of {shape(schema['items'])}" if "items" in schema else "list"
    words = schema.get("format") or schema.get("type") or "anything"
    return " ".join(filter(None, [words, f"({limits})" if (limits := allowed(schema)) else ""]))


PAGES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "reference/settings": settings,
    "reference/command": command,
    "reference/lake": lake,
    "reference/features": features,
    "reference/metrics": figures,
    "reference/http": http,
}
"""What is added to the end of a page when it is read."""


def _add(_: Sphinx, page: str, source: list[str]) -> None:
    if page in PAGES:
        source[0] += "\n" + "\n".join(PAGES[page]())


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Sphinx calls this. Reference pages are read at every build, since the code may have changed."""
    sphinx.connect("source-read", _add)
    sphinx.connect("env-get-outdated", lambda *_: list(PAGES))
    return {"parallel_read_safe": True}
