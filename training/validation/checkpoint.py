"""Runs a suite on a frame, renders Data Docs, and says in one sentence what failed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from training.validation.broken import BrokenDataError


def _sentence(result: Any) -> str:
    """An expectation that failed: its meaning, its arguments, and what was seen instead."""
    config = result.expectation_config
    arguments = {
        name: value for name, value in config.kwargs.items() if name not in ("batch_id", "column") and value is not None
    }
    stated = ", ".join(f"{name}={value}" for name, value in arguments.items())
    seen = result.result.get("observed_value", result.result.get("partial_unexpected_list"))
    fault = (result.exception_info or {}).get("exception_message")
    observed = f"saw {str(seen)[:200]}" if seen is not None else f"could not be checked: {fault}"
    column = config.kwargs.get("column", "the table")
    meaning = (config.meta or {}).get("meaning", "")
    return f"{config.type} failed on {column} ({stated}){f', {meaning}' if meaning else ''}: {observed}"


def validate(name: str, frame: pd.DataFrame, expectations: Sequence[Expectation], docs: Path) -> str:
    """Validates ``frame`` and renders Data Docs under ``docs``, whose index page is returned as a URI.

    ``docs`` keeps the history of earlier validations of every suite. Raises BrokenDataError naming each expectation
    that failed.
    """
    docs.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=str(docs))
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_or_update_pandas(name)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
    fresh = [expectation.copy(update={"id": None}) for expectation in expectations]
    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=fresh))
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name=name, validation_definitions=[definition], result_format="SUMMARY")
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": frame})
    pages = context.build_data_docs()
    page = next(iter(pages.values()))
    results = [result for run in outcome.run_results.values() for result in run.results]
    failures = [_sentence(result) for result in results if not result.success]
    if failures or not outcome.success:
        raise BrokenDataError(name, failures or ["the checkpoint failed"], page)
    return str(page)
