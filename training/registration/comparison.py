"""The plot of champion against challenger: every check of the gate with its interval and bound."""

from pathlib import Path

import matplotlib as mpl

from training.evaluation.gate import GateResult

mpl.use("Agg")

from matplotlib.figure import Figure


def plot(result: GateResult, path: Path) -> None:
    """Writes a PNG: one line a check, candidate − reference with its interval, the bound as a red mark."""
    height = 1.2 + 0.45 * max(len(result.checks), 1)
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    for place, check in enumerate(result.checks):
        colour = "tab:green" if check.passed else "tab:red"
        axes.plot([check.lower, check.upper], [place, place], color=colour, linewidth=2)
        axes.plot(check.estimate, place, "o", color=colour)
        axes.plot(check.bound, place, "|", color="black", markersize=14)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(result.checks)), [f"{check.name} (n={check.users})" for check in result.checks])
    axes.invert_yaxis()
    axes.set_xlabel(f"{result.metric}: candidate − reference, interval and bound")
    axes.set_title("Gate passed" if result.passed else "Gate refused")
    figure.savefig(path, dpi=110)
