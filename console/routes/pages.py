"""The page itself, an experiment's report, and what others wrote under the home folder, read-only."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from console.access import ConsoleOf, reader
from experimentation import api
from experimentation.report import page
from serving.auth.verifier import Caller
from serving.gateway.problems import ProblemError

router = APIRouter()

STATIC = Path(__file__).parents[1] / "static"

PLAIN = "default-src 'none'; style-src 'unsafe-inline'"
"""An experiment's report has no script."""

FOREIGN = "sandbox allow-same-origin allow-popups; default-src 'self' data:; style-src 'self' 'unsafe-inline'"
"""What others wrote is read, not run: no script of it may act in the reader's name, and it reaches no other host."""


def data_docs(home: Path) -> Path:
    """Where Great Expectations renders its site."""
    return home / "data_docs" / "gx" / "uncommitted" / "data_docs" / "local_site"


def reports(home: Path) -> Path:
    """Where weekly jobs leave their reports, a folder a kind."""
    return home / "reports"


async def _visitor(request: Request, console: ConsoleOf) -> Caller:
    """Who opens a page; whoever is not signed in is led to where one signs in."""
    try:
        return await reader(request, console)
    except ProblemError as error:
        raise HTTPException(303, error.detail, headers={"Location": "/"}) from error


Visitor = Annotated[Caller, Depends(_visitor)]


@router.get("/")
async def index() -> Response:
    """The page; it holds no data and asks for everything."""
    return FileResponse(STATIC / "index.html")


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/experiments/{experiment_id}")
def experiment(console: ConsoleOf, _: Visitor, experiment_id: str) -> Response:
    """The report of one experiment, as ``headwater experiment show --html`` writes it."""
    store = console.experiments
    hypothesis = store.get(experiment_id).experiment.hypothesis
    content = page(api.experiment_metrics(store, experiment_id), hypothesis)
    return HTMLResponse(content, headers={"Content-Security-Policy": PLAIN})


@router.get("/data-docs/{path:path}")
async def documents(request: Request, console: ConsoleOf, _: Visitor, path: str) -> Response:
    """A page of Great Expectations' site."""
    return await _file(request, data_docs(console.settings.home), path)


@router.get("/reports/{path:path}")
async def report(request: Request, console: ConsoleOf, _: Visitor, path: str) -> Response:
    """A page of a weekly report."""
    return await _file(request, reports(console.settings.home), path)


async def _file(request: Request, folder: Path, path: str) -> Response:
    """Raises HTTPException 404 for whatever does not lie in ``folder``."""
    response = await StaticFiles(directory=folder, check_dir=False).get_response(path, request.scope)
    response.headers["Content-Security-Policy"] = FOREIGN
    return response


def mount(app: FastAPI) -> None:
    """Serves the page's style and modules."""
    app.mount("/static", StaticFiles(directory=STATIC))
