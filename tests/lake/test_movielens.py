"""MovieLens in each of GroupLens' layouts, made here, and the real files where they lie beside the checkout."""

from pathlib import Path

import pytest

from lake.importing import import_path
from lake.movielens import GENRES
from lake.store import Lake

NOW = 1_780_000_000.0
SHARED = Path(__file__).parents[3] / "shared" / "data"

FLAGS = "|".join("1" if genre in ("Drama", "War") else "0" for genre in GENRES)
LAYOUTS = {
    "1m": {
        "ratings.dat": "1::10::5::978300760\n1::20::3::978302109\n",
        "movies.dat": "10::Café, The (1995)::Drama|War\n20::Nowhere::Comedy\n",
        "users.dat": "1::F::25::10::48067\n",
    },
    "100k": {
        "u.data": "1\t10\t5\t978300760\n1\t20\t3\t978302109\n",
        "u.item": f"10|Café, The (1995)|01-Jan-1995||http://x|{FLAGS}\n20|Nowhere|||http://y|{'0|' * 18}0\n",
        "u.user": "1|25|F|10|48067\n",
    },
    "csv": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,10,5.0,978300760\n1,20,3.0,978302109\n",
        "movies.csv": 'movieId,title,genres\n10,"Café, The (1995)",Drama|War\n20,Nowhere,(no genres listed)\n',
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ratings_become_clicks_and_genres_categories(tmp_path: Path, layout: str) -> None:
    for name, text in LAYOUTS[layout].items():
        (tmp_path / name).write_text(text, encoding="utf-8" if layout == "csv" else "latin-1")
    lake = Lake(str(tmp_path / "lake"))
    report = import_path(lake, tmp_path, clock=lambda: NOW)
    assert sum(sum(counts.quarantined.values()) for counts in report.tables.values()) == 0
    first, _ = lake.read("interactions").sort_by("timestamp").to_pylist()
    assert (first["user_id"], first["item_id"], first["action"], first["value"]) == ("1", "10", "click", 5.0)
    assert first["timestamp"].timestamp() == 978_300_760
    films = {row["item_id"]: row for row in lake.read("items").to_pylist()}
    assert films["10"]["title"] == "Café, The (1995)"
    assert films["10"]["category"] == ["Drama", "War"]
    assert films["10"]["attributes"] == [("year", "1995")]
    assert films["20"]["attributes"] == []
    if layout != "csv":
        (user,) = lake.read("users").to_pylist()
        assert dict(user["attributes"]) == {"gender": "F", "age": "25", "occupation": "10", "zip": "48067"}
        assert films["20"]["category"] == (["Comedy"] if layout == "1m" else [])


def test_the_real_100k_file_has_every_row(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    report = import_path(lake, SHARED / "ml-100k.zip", clock=lambda: NOW)
    assert {name: counts.inserted for name, counts in report.tables.items()} == {
        "interactions": 100_000,
        "items": 1682,
        "users": 943,
    }
    assert len(lake.days("interactions")) == 213
